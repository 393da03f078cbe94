// Run-time choice of the instruction set: the compiler emits one version of a marked function per set and the
// loader picks the best that the processor has. Elsewhere the portable version is the only one.
#pragma once

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__)
#define BOTTOMUP_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#define BOTTOMUP_HAS_CLONES 1
#else
#define BOTTOMUP_CLONES
#define BOTTOMUP_HAS_CLONES 0
#endif
