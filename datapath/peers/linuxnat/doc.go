// SPDX-License-Identifier: MIT OR Apache-2.0

// Package linuxnat measures what Linux's own NAT costs a packet, with source NAT by nf_tables ("masquerade") and its
// connection tracking, the peer of arcbox.dev/datapath/nat.
//
// Four network namespaces are made, and three ways through them:
//
//	direct       client ------------------------- server
//	route        client -------- router --------- server
//	masquerade   client -- masquerading router -- server
//
// They are joined by veth pairs. A veth hands a packet on within the system call that sends it, so the thread that
// sends also does the routing, the translation and the delivery, and its CPU time (CLOCK_THREAD_CPUTIME_ID) is all that
// the packets cost. Kernels with CONFIG_IRQ_TIME_ACCOUNTING take that work out of the thread's time: there, the
// benchmarks skip. The packets go to an address that the server does not have, and it drops them without an answer.
//
// The two routers differ by one nf_tables rule, so NAT's marginal cost is the difference between the ways. It is taken
// in short rounds that change between them, because the machine's pace changes from second to second. What forwarding
// costs is the difference between route and direct.
//
// All of it needs root, and a kernel with veth and nf_tables; no commands are needed. What the host lacks makes the
// benchmarks skip with the reason. The namespaces have no names and no mounts: they end with the process, however it
// ends.
package linuxnat
