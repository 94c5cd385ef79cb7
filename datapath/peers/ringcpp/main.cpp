// SPDX-License-Identifier: MIT OR Apache-2.0

// ringcpp measures one way of using a Ring on this machine:
//
//	ringcpp MODE CORES BATCH CAPACITY ITEMS BURSTS TURNS
//
// MODE is copy or inplace, CORES 1 or 2, CAPACITY and ITEMS (a burst's) are in items of 8 bytes. A side that looked
// in vain turns TURNS times in an empty loop before it looks again. Each burst prints one line, its time in ns an
// item. Exit status: 0, 1 if the CPUs cannot be had, 2 for wrong arguments.

#include "ring.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <thread>
#include <vector>

using Item = uint64_t;
using Clock = std::chrono::steady_clock;

struct Burst {
    bool inPlace;
    int cores;
    size_t batch, capacity, items;
    int turns;
};

// idle turns in an empty loop that the compiler must keep.
static void idle(int turns) {
    for (int i = 0; i < turns; i++)
        asm volatile("" ::: "memory");
}

// pin puts this thread on one CPU.
static void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (pthread_setaffinity_np(pthread_self(), sizeof set, &set) != 0) {
        fprintf(stderr, "ringcpp: cannot run on CPU %d\n", cpu);
        exit(1);
    }
}

// hurry gives this thread real-time priority where that is permitted: the lowest, and round-robin, so that two
// programs that do so share the CPUs rather than wait for each other with one CPU each.
static void hurry() {
    sched_param p{};
    p.sched_priority = 1;
    pthread_setschedparam(pthread_self(), SCHED_RR, &p);
}

static size_t produce(Ring<Item> &ring, const Burst &b, std::vector<Item> &batch, size_t sent) {
    if (b.inPlace) {
        Item *slots;
        size_t n = ring.reserve(slots, std::min(b.batch, b.items - sent));
        for (size_t i = 0; i < n; i++)
            slots[i] = sent + i;
        ring.commit(n);
        return n;
    }
    if (b.batch == 1)
        return ring.push(sent);
    return ring.pushBatch(batch.data(), std::min(b.batch, b.items - sent));
}

static size_t consume(Ring<Item> &ring, const Burst &b, std::vector<Item> &batch, size_t got, Item &sum) {
    if (b.inPlace) {
        Item *slots;
        size_t n = ring.peek(slots, std::min(b.batch, b.items - got));
        for (size_t i = 0; i < n; i++)
            sum += slots[i];
        ring.release(n);
        return n;
    }
    if (b.batch == 1) {
        Item v;
        if (!ring.pop(v))
            return 0;
        sum += v;
        return 1;
    }
    size_t n = ring.popBatch(batch.data(), std::min(b.batch, b.items - got));
    if (n > 0)
        sum += batch[0];
    return n;
}

// together runs the ends on a CPU and a thread each and returns the time from their common start to the end of the
// last.
template <class... Ends> static Clock::duration together(Ends... ends) {
    const int all = sizeof...(ends);
    std::atomic<int> placed{0}, ready{0}, left{all};
    Clock::time_point start, stop;
    auto run = [&](int cpu, auto &end) {
        pin(cpu);
        // No thread runs at real-time priority before the others have reached their own CPUs.
        placed++;
        while (placed != all)
            std::this_thread::yield();
        hurry();
        if (ready.fetch_add(1) == all - 1) {
            start = Clock::now();
            ready++;
        }
        while (ready != all + 1)
            ;
        end();
        if (left.fetch_sub(1) == 1)
            stop = Clock::now();
    };
    int cpu = 0;
    std::vector<std::thread> threads;
    (threads.emplace_back([&run, &ends, at = cpu++] { run(at, ends); }), ...);
    for (auto &t : threads)
        t.join();
    return stop - start;
}

// run returns the ns an item of one burst. What decides the shape of the loops is known when it is compiled.
template <bool InPlace, bool Single> static double run(Burst b) {
    b.inPlace = InPlace;
    if (Single)
        b.batch = 1;
    Ring<Item> ring(b.capacity);
    std::vector<Item> in(b.batch), out(b.batch);
    Item sum = 0;
    auto producer = [&, b] {
        for (size_t sent = 0; sent < b.items;) {
            size_t n = produce(ring, b, in, sent);
            if (n == 0)
                idle(b.turns);
            sent += n;
        }
    };
    auto consumer = [&, b] {
        Item mine = 0;
        for (size_t got = 0; got < b.items;) {
            size_t n = consume(ring, b, out, got, mine);
            if (n == 0)
                idle(b.turns);
            got += n;
        }
        sum = mine;
    };
    auto byTurns = [&, b] {
        Item mine = 0;
        for (size_t i = 0; i < b.items;) {
            produce(ring, b, in, i);
            i += consume(ring, b, out, i, mine);
        }
        sum = mine;
    };
    auto took = b.cores == 1 ? together(byTurns) : together(producer, consumer);
    asm volatile("" ::"r"(sum));
    return double(std::chrono::duration_cast<std::chrono::nanoseconds>(took).count()) / double(b.items);
}

int main(int argc, char **argv) {
    if (argc != 8) {
        fprintf(stderr, "usage: ringcpp copy|inplace CORES BATCH CAPACITY ITEMS BURSTS TURNS\n");
        return 2;
    }
    Burst b{};
    b.inPlace = strcmp(argv[1], "inplace") == 0;
    b.cores = atoi(argv[2]);
    b.batch = strtoull(argv[3], nullptr, 10);
    b.capacity = strtoull(argv[4], nullptr, 10);
    b.items = strtoull(argv[5], nullptr, 10);
    int bursts = atoi(argv[6]);
    b.turns = atoi(argv[7]);
    if (b.batch == 0 || b.capacity == 0 || (b.capacity & (b.capacity - 1)) != 0 || b.items == 0) {
        fprintf(stderr, "ringcpp: BATCH and ITEMS must be positive, CAPACITY a power of two\n");
        return 2;
    }
    // Whatever happens, no thread keeps a CPU at real-time priority for more than a second.
    rlimit second{1000000, 1000000};
    if (setrlimit(RLIMIT_RTTIME, &second) != 0) {
        perror("ringcpp: limiting real-time priority");
        return 1;
    }
    for (int i = 0; i < bursts; i++) {
        double ns = b.inPlace ? run<true, false>(b) : b.batch == 1 ? run<false, true>(b) : run<false, false>(b);
        printf("%.4f\n", ns);
    }
    return 0;
}
