// SPDX-License-Identifier: MIT OR Apache-2.0

// A bounded queue between one producer and one consumer: two indexes on cache lines of their own, and beside each a
// copy of the other one, read again only when the queue looks full or empty. Stores release, loads acquire; on amd64
// both are plain MOVs. It is the well-known kind of queue that datapath/ring's SPSC is measured against.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

template <class T> class Ring {
  public:
    // capacity is in items and a power of two.
    explicit Ring(size_t capacity) : mask_(capacity - 1), slots_(std::make_unique<T[]>(capacity)) {}

    bool push(const T &v) {
        const size_t tail = tail_.load(std::memory_order_relaxed);
        if (tail - seenHead_ > mask_) {
            seenHead_ = head_.load(std::memory_order_acquire);
            if (tail - seenHead_ > mask_)
                return false;
        }
        slots_[tail & mask_] = v;
        tail_.store(tail + 1, std::memory_order_release); // the slot is the consumer's now
        return true;
    }

    bool pop(T &v) {
        const size_t head = head_.load(std::memory_order_relaxed);
        if (head == seenTail_) {
            seenTail_ = tail_.load(std::memory_order_acquire);
            if (head == seenTail_)
                return false;
        }
        v = slots_[head & mask_];
        head_.store(head + 1, std::memory_order_release); // the slot is the producer's again
        return true;
    }

    // reserve lends n free slots or fewer that lie next to each other, from first on; commit passes them on.
    size_t reserve(T *&first, size_t n) {
        const size_t tail = tail_.load(std::memory_order_relaxed);
        if (mask_ + 1 - (tail - seenHead_) < n)
            seenHead_ = head_.load(std::memory_order_acquire);
        const size_t at = tail & mask_;
        first = &slots_[at];
        return std::min({n, mask_ + 1 - (tail - seenHead_), mask_ + 1 - at});
    }
    void commit(size_t n) { tail_.store(tail_.load(std::memory_order_relaxed) + n, std::memory_order_release); }

    // peek lends n of the oldest items or fewer that lie next to each other; release takes them out.
    size_t peek(T *&first, size_t n) {
        const size_t head = head_.load(std::memory_order_relaxed);
        if (seenTail_ - head < n)
            seenTail_ = tail_.load(std::memory_order_acquire);
        const size_t at = head & mask_;
        first = &slots_[at];
        return std::min({n, seenTail_ - head, mask_ + 1 - at});
    }
    void release(size_t n) { head_.store(head_.load(std::memory_order_relaxed) + n, std::memory_order_release); }

    size_t pushBatch(const T *src, size_t n) {
        T *to;
        size_t done = reserve(to, n);
        std::copy_n(src, done, to);
        commit(done);
        return done;
    }
    size_t popBatch(T *dst, size_t n) {
        T *from;
        size_t done = peek(from, n);
        std::copy_n(from, done, dst);
        release(done);
        return done;
    }

  private:
    static constexpr size_t line = 128; // the adjacent-line prefetcher fetches 64-byte lines in pairs

    alignas(line) const size_t mask_;
    const std::unique_ptr<T[]> slots_;
    alignas(line) std::atomic<size_t> tail_{0}; // written by the producer
    alignas(line) size_t seenHead_ = 0;         // the producer's copy of head_
    alignas(line) std::atomic<size_t> head_{0}; // written by the consumer
    alignas(line) size_t seenTail_ = 0;         // the consumer's copy of tail_
    char pad_[line - sizeof(size_t)] = {};
};
