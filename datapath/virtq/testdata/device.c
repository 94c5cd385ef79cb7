// SPDX-License-Identifier: MIT OR Apache-2.0

// The device side of a split virtqueue in C, to compare package virtq with: the
// same ring, the same checks for chains of one descriptor, the same barriers, and
// the chain's buffer as an iovec. It prints lines that benchstat reads.
//
//	cc -O3 -o device device.c && ./device [samples]

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

enum { SIZE = 256, MASK = SIZE - 1, NEXT = 1, WRITE = 2, INDIRECT = 4, MEMORY = 1 << 20 };

struct desc { uint64_t addr; uint32_t len; uint16_t flags, next; };
struct used { uint32_t id, len; };
struct chain { uint16_t head, readable, writable; uint32_t written; struct iovec bufs[1]; };

struct queue {
	char *mem;
	uint64_t base, size; // guest address of mem, bytes
	const struct desc *desc;
	const uint16_t *avail;
	_Atomic uint32_t *avail_word; // flags, index
	struct used *used;
	_Atomic uint32_t *used_word; // flags, index
	uint16_t next, staged, published, flags;
};

// pop returns the number of chains put into out, or -1 for a broken queue.
__attribute__((noinline)) static int pop(struct queue *q, struct chain *out, int max) {
	uint16_t index = atomic_load(q->avail_word) >> 16;
	if ((uint16_t)(index - q->next) > SIZE || (uint16_t)(index - q->published) > SIZE)
		return -1;
	int n = (uint16_t)(index - q->next);
	if (n > max)
		n = max;
	const struct desc *desc = q->desc;
	const uint16_t *avail = q->avail;
	char *mem = q->mem;
	uint64_t base = q->base, size = q->size;
	uint16_t next = q->next;
	for (int i = 0; i < n; i++) {
		uint16_t head = avail[next++ & MASK];
		if (head >= SIZE)
			return -1;
		struct desc d = desc[head];
		uint64_t off = d.addr - base;
		if (d.flags & (NEXT | INDIRECT) || d.len == 0 || off >= size || d.len > size - off)
			return -1;
		struct chain *c = &out[i];
		c->head = head;
		c->readable = !(d.flags & WRITE);
		c->writable = !c->readable;
		c->written = 0;
		c->bufs[0] = (struct iovec){mem + off, d.len};
	}
	q->next = next;
	return n;
}

__attribute__((noinline)) static void push(struct queue *q, const struct chain *chains, int n) {
	struct used *used = q->used;
	uint16_t staged = q->staged;
	for (int i = 0; i < n; i++)
		used[staged++ & MASK] = (struct used){chains[i].head, chains[i].written};
	q->staged = staged;
}

static void store_used(struct queue *q) {
	atomic_store(q->used_word, (uint32_t)q->flags | (uint32_t)q->published << 16);
}

__attribute__((noinline)) static int publish(struct queue *q) {
	q->published = q->staged;
	store_used(q);
	return !(atomic_load(q->avail_word) & 1);
}

__attribute__((noinline)) static void disable_kicks(struct queue *q) {
	q->flags = 1;
	store_used(q);
}

__attribute__((noinline)) static int enable_kicks(struct queue *q) {
	q->flags = 0;
	store_used(q);
	return (uint16_t)(atomic_load(q->avail_word) >> 16) != q->next;
}

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static void run(int batch, long rounds) {
	static struct chain chains[SIZE];
	char *m = aligned_alloc(4096, MEMORY);
	if (m == NULL)
		abort();
	memset(m, 0, MEMORY);
	struct desc *desc = (struct desc *)m;
	uint16_t *avail = (uint16_t *)(m + 0x1004);
	struct queue q = {
		.mem = m, .base = 0x100000, .size = MEMORY, .desc = desc, .avail = avail,
		.avail_word = (_Atomic uint32_t *)(m + 0x1000),
		.used = (struct used *)(m + 0x2004), .used_word = (_Atomic uint32_t *)(m + 0x2000),
	};
	for (int i = 0; i < SIZE; i++) {
		desc[i] = (struct desc){q.base + 0x10000, 1500, 0, 0};
		avail[i] = i;
	}
	uint16_t index = 0;
	double begin = now();
	for (long r = 0; r < rounds; r++) {
		index += batch;
		atomic_store(q.avail_word, (uint32_t)index << 16);
		disable_kicks(&q);
		if (pop(&q, chains, batch) != batch)
			abort();
		for (int i = 0; i < batch; i++)
			chains[i].written = 1;
		push(&q, chains, batch);
		publish(&q);
		enable_kicks(&q);
	}
	double each = (now() - begin) / rounds;
	printf("BenchmarkDevice/impl=c/batch=%d\t%ld\t%.1f ns/op\t%.3f ns/chain\n", batch, rounds, each, each / batch);
	free(m);
}

int main(int argc, char **argv) {
	int samples = argc > 1 ? atoi(argv[1]) : 1;
	printf("goos: linux\npkg: arcbox.dev/datapath/virtq\n");
	for (int s = 0; s < samples; s++) {
		run(1, 4000000);
		run(32, 1000000);
		run(256, 100000);
	}
	return 0;
}
