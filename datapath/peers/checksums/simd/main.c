// SPDX-License-Identifier: MIT OR Apache-2.0

// The Internet checksum (RFC 1071) by vector intrinsics, as a worker: it says which instructions it uses, and answers
// each line "size count" on its input with "nanoseconds sum", the sum being in network order and not complemented.
//
//	cc -O3 -std=gnu11 -o simd main.c && echo 1460 1000000 | ./simd vnni

#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LONGEST = 65536 };

static uint16_t fold(uint64_t sum) {
	while (sum >> 16) sum = (sum >> 16) + (sum & 0xffff);
	return __builtin_bswap16((uint16_t)sum);
}

// tail adds what is left of a vector, word by word in little-endian order.
static uint64_t tail(const uint8_t *p, size_t n) {
	uint64_t sum = 0;
	for (; n >= 8; p += 8, n -= 8) {
		uint64_t w;
		memcpy(&w, p, 8);
		sum += (w & 0xffffffff) + (w >> 32);
	}
	for (; n >= 2; p += 2, n -= 2) sum += p[0] | p[1] << 8;
	return n ? sum + p[0] : sum;
}

// Words are widened to 32-bit lanes as signed numbers by a multiplication with one, 32768 less than they are.
__attribute__((target("avx2"), noinline)) static uint16_t sum_avx2(const uint8_t *p, size_t n) {
	const __m256i top = _mm256_set1_epi16((short)0x8000), one = _mm256_set1_epi16(1);
	__m256i acc[4] = {0};
	size_t vectors = n / 32;
	for (; n >= 128; p += 128, n -= 128)
		for (int i = 0; i < 4; i++) {
			__m256i v = _mm256_loadu_si256((const __m256i *)p + i);
			acc[i] = _mm256_add_epi32(acc[i], _mm256_madd_epi16(_mm256_xor_si256(v, top), one));
		}
	for (; n >= 32; p += 32, n -= 32) {
		__m256i v = _mm256_loadu_si256((const __m256i *)p);
		acc[0] = _mm256_add_epi32(acc[0], _mm256_madd_epi16(_mm256_xor_si256(v, top), one));
	}
	__m256i all = _mm256_add_epi32(_mm256_add_epi32(acc[0], acc[1]), _mm256_add_epi32(acc[2], acc[3]));
	__m128i half = _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
	half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
	half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
	int64_t sum = _mm_cvtsi128_si32(half) + (int64_t)vectors * 16 * 32768;
	return fold((uint64_t)sum + tail(p, n));
}

// Low and high bytes of the words are added apart, four at a time, by VPDPBUSD.
__attribute__((target("avx512f,avx512bw,avx512vnni"), noinline)) static uint16_t sum_vnni(const uint8_t *p, size_t n) {
	const __m512i low = _mm512_set1_epi32(0x00010001), high = _mm512_set1_epi32(0x01000100);
	__m512i lo[4] = {0}, hi[4] = {0};
	for (; n >= 256; p += 256, n -= 256)
		for (int i = 0; i < 4; i++) {
			__m512i v = _mm512_loadu_si512((const __m512i *)p + i);
			lo[i] = _mm512_dpbusd_epi32(lo[i], v, low);
			hi[i] = _mm512_dpbusd_epi32(hi[i], v, high);
		}
	for (; n; ) {
		size_t m = n < 64 ? n : 64;
		__m512i v = _mm512_maskz_loadu_epi8(m == 64 ? ~0ULL : (1ULL << m) - 1, p);
		lo[0] = _mm512_dpbusd_epi32(lo[0], v, low);
		hi[0] = _mm512_dpbusd_epi32(hi[0], v, high);
		p += m;
		n -= m;
	}
	__m512i l = _mm512_add_epi32(_mm512_add_epi32(lo[0], lo[1]), _mm512_add_epi32(lo[2], lo[3]));
	__m512i h = _mm512_add_epi32(_mm512_add_epi32(hi[0], hi[1]), _mm512_add_epi32(hi[2], hi[3]));
	uint32_t sum = _mm512_reduce_add_epi32(_mm512_add_epi32(l, _mm512_slli_epi32(h, 8)));
	return fold(sum);
}

int main(int argc, char **argv) {
	uint16_t (*sum)(const uint8_t *, size_t) = NULL;
	const char *name = argc > 1 ? argv[1] : "";
	__builtin_cpu_init();
	if (!strcmp(name, "avx2") && __builtin_cpu_supports("avx2")) sum = sum_avx2;
	if (!strcmp(name, "vnni") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni")) sum = sum_vnni;
	if (!sum) {
		puts("none");
		return 0;
	}
	uint8_t *buf = aligned_alloc(4096, LONGEST);
	if (!buf) return 1;
	for (size_t i = 0; i < LONGEST; i++) buf[i] = (uint8_t)(i * 31 + (i >> 8));
	puts(name);
	fflush(stdout);

	size_t size;
	long count;
	while (scanf("%zu %ld", &size, &count) == 2 && size <= LONGEST && count > 0) {
		struct timespec from, to;
		uint16_t result = 0;
		clock_gettime(CLOCK_MONOTONIC, &from);
		for (long i = 0; i < count; i++) {
			result = sum(buf, size);
			// The call is not to be moved out of the loop.
			__asm__ volatile("" : "+r"(result) : : "memory");
		}
		clock_gettime(CLOCK_MONOTONIC, &to);
		printf("%lld %u\n", (to.tv_sec - from.tv_sec) * 1000000000LL + (to.tv_nsec - from.tv_nsec), result);
		fflush(stdout);
	}
	return 0;
}
