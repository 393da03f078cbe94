#include <cstdlib>
#include <cstring>

#include "../kernels.h"
#include "vectors.h"

namespace bottomup::cpu {

extern const VectorLoops loops_baseline;  // what every processor that the compiler aims at has
#if defined(BOTTOMUP_X86_LEVELS)
extern const VectorLoops loops_avx2, loops_avx512;
#endif

namespace {

const VectorLoops& choose() {
    const VectorLoops* choice = &loops_baseline;
#if defined(BOTTOMUP_X86_LEVELS)
    const char* wanted = std::getenv("BOTTOMUP_CPU_ISA");
    const auto may_be = [wanted](const VectorLoops& loops) {
        return !wanted || !*wanted || std::strcmp(wanted, loops.name) == 0;
    };
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (avx2 && may_be(loops_avx2)) choice = &loops_avx2;
    if (avx512 && may_be(loops_avx512)) choice = &loops_avx512;
#endif
    return *choice;
}

}  // namespace

const VectorLoops& vector_loops() {
    static const VectorLoops& chosen = choose();
    return chosen;
}

const char* instruction_set() { return vector_loops().name; }

}  // namespace bottomup::cpu
