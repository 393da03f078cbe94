#include <cstdlib>
#include <cstring>

#include "../../kernels.h"
#include "vectors.h"

#if defined(_MSC_VER)
#include <intrin.h>
#endif

namespace bottomup::cpu {

extern const VectorLoops loops_baseline;  // what every processor that the compiler aims at has
#if defined(BOTTOMUP_X86_LEVELS)
extern const VectorLoops loops_avx2, loops_avx512;
#endif

namespace {

#if defined(BOTTOMUP_X86_LEVELS)
// What the processor has, and the operating system keeps for each thread.
struct Levels {
    bool avx2 = false, avx512 = false;
};

#if defined(_MSC_VER)
Levels find_levels() {
    const auto has = [](int word, int bit) { return (word >> bit & 1) != 0; };
    int words[4];  // eax, ebx, ecx, edx
    __cpuid(words, 0);
    const int highest = words[0];
    __cpuid(words, 1);
    if (highest < 7 || !has(words[2], 27)) return {};  // OSXSAVE: xgetbv may be asked
    const bool fma = has(words[2], 12), f16c = has(words[2], 29);
    const unsigned long long kept = _xgetbv(0);
    __cpuidex(words, 7, 0);
    Levels levels;
    levels.avx2 = (kept & 0x06) == 0x06 && fma && f16c && has(words[1], 5);
    levels.avx512 = levels.avx2 && (kept & 0xe6) == 0xe6 && has(words[1], 16) && has(words[1], 17) && has(words[1], 30) &&
                    has(words[1], 31);  // F, DQ, BW, VL
    return levels;
}
#else
Levels find_levels() {
    __builtin_cpu_init();
    Levels levels;
    levels.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    levels.avx512 = levels.avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return levels;
}
#endif
#endif

const VectorLoops& choose() {
    const VectorLoops* choice = &loops_baseline;
#if defined(BOTTOMUP_X86_LEVELS)
    const char* wanted = std::getenv("BOTTOMUP_CPU_ISA");
    const auto may_be = [wanted](const VectorLoops& loops) {
        return !wanted || !*wanted || std::strcmp(wanted, loops.name) == 0;
    };
    const Levels levels = find_levels();
    if (levels.avx2 && may_be(loops_avx2)) choice = &loops_avx2;
    if (levels.avx512 && may_be(loops_avx512)) choice = &loops_avx512;
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
