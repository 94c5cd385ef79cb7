// SPDX-License-Identifier: MIT OR Apache-2.0

// The device side of a split virtqueue (virtio 1.2 §2.7) in C: what package virtq
// does, with the same checks, barriers and calls, over the same layout.
//
//	main DESCRIPTORS BATCH CHAINS
//
// passes so many chains of so many descriptors through a queue, in batches, and
// prints how many nanoseconds that took.

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

enum { SIZE = 256, MASK = SIZE - 1, NEXT = 1, WRITE = 2, INDIRECT = 4, MEMORY = 1 << 20, MAX_BUFS = 4, SILENT = 1 };

struct desc { uint64_t addr; uint32_t len; uint16_t flags, next; };
struct used { uint32_t id, len; };
struct chain { uint16_t head, writable, n; uint32_t written; struct iovec bufs[MAX_BUFS]; };

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

// walk follows the chain at head. It returns -1 for one that breaks the rules.
static int walk(const struct queue *q, struct chain *c, uint16_t head) {
	uint64_t bytes = 0;
	uint16_t at = head;
	c->head = head;
	c->written = c->n = c->writable = 0;
	for (int steps = 1;; steps++) {
		struct desc d = q->desc[at];
		uint64_t off = d.addr - q->base;
		bytes += d.len;
		if (steps > SIZE || d.flags & INDIRECT || bytes > 1ull << 32)
			return -1;
		if (d.flags & WRITE)
			c->writable++;
		else if (c->writable)
			return -1;
		if (d.len > 0) {
			if (c->n == MAX_BUFS || off >= q->size || d.len > q->size - off)
				return -1;
			c->bufs[c->n++] = (struct iovec){q->mem + off, d.len};
		}
		if (!(d.flags & NEXT))
			return 0;
		if (d.next >= SIZE)
			return -1;
		at = d.next;
	}
}

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
		struct chain *c = &out[i];
		if (d.flags & (NEXT | INDIRECT) || d.len == 0 || off >= size || d.len > size - off) {
			if (walk(q, c, head) < 0)
				return -1;
			continue;
		}
		c->head = head;
		c->n = 1;
		c->writable = d.flags >> 1 & 1;
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
	return !(atomic_load(q->avail_word) & SILENT);
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

int main(int argc, char **argv) {
	static struct chain chains[SIZE];
	int length = argc == 4 ? atoi(argv[1]) : 0, batch = argc == 4 ? atoi(argv[2]) : 0;
	long left = argc == 4 ? atol(argv[3]) : 0;
	char *m = aligned_alloc(4096, MEMORY);
	if (length < 1 || length > MAX_BUFS || batch < 1 || batch > SIZE || left < 1 || m == NULL) {
		fprintf(stderr, "usage: main DESCRIPTORS(1-%d) BATCH(1-%d) CHAINS\n", MAX_BUFS, SIZE);
		return 2;
	}
	memset(m, 0, MEMORY);
	struct desc *desc = (struct desc *)m;
	uint16_t *avail = (uint16_t *)(m + 0x1004);
	struct queue q = {
		.mem = m, .base = 0x100000, .size = MEMORY, .desc = desc, .avail = avail,
		.avail_word = (_Atomic uint32_t *)(m + 0x1000),
		.used = (struct used *)(m + 0x2004), .used_word = (_Atomic uint32_t *)(m + 0x2000),
	};
	// Chains of one readable descriptor and writable ones, as many as there is room for.
	int heads = SIZE / length;
	for (int i = 0; i < heads * length; i++) {
		int at = i % length;
		desc[i] = (struct desc){q.base + 0x10000, 64, (at > 0 ? WRITE : 0) | (at < length - 1 ? NEXT : 0), i + 1};
	}
	for (int i = 0; i < SIZE; i++)
		avail[i] = i % heads * length;
	uint16_t index = 0;
	double begin = now();
	while (left > 0) {
		int n = left < batch ? left : batch;
		index += n;
		atomic_store(q.avail_word, (uint32_t)index << 16);
		disable_kicks(&q);
		if (pop(&q, chains, batch) != n)
			return 1;
		for (int i = 0; i < n; i++)
			chains[i].written = 1;
		push(&q, chains, n);
		publish(&q);
		enable_kicks(&q);
		left -= n;
	}
	printf("%.0f\n", now() - begin);
	return 0;
}
