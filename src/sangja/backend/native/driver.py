"""The native side of a team: going through the commands, meeting at a barrier, waiting for work.

`run(box, table, count, tid, threads)` runs a table of commands (function, arguments, flags);
`lead`, with the same arguments, puts it into the mailbox, for the workers, and runs it as the first
of them: one call, which nothing can come between, so that no worker waits for a leader. The
generation is odd while the mailbox is written: who has no part in a program may read it late, when
the next one is being put in, and must not take the half of each for a program of its own.
`serve` is what a worker does: it waits for a new generation in the mailbox and runs what is there,
and returns when there was nothing for a while.
"""

from __future__ import annotations

import platform

SERIAL, MEET = 1, 2  # flags of a command
SPINS = 2_000  # turns of waiting before the time slice is given away
IDLE_YIELDS = 2_000  # time slices given away before a worker goes to sleep
# The mailbox, in 64-bit words; what different threads write lies in cache lines of its own.
GENERATION, TABLE, COUNT, THREADS, YIELD, CALLED = 0, 8, 9, 10, 11, 12
ARRIVED, SENSE, PARKED = 16, 24, 32
MOST = 256  # threads
WORDS = PARKED + MOST

# What a processor does while it waits, so that its sibling may work.
PAUSES = dict.fromkeys(("x86_64", "AMD64", "i686", "x86"), "call void @llvm.x86.sse2.pause()")
PAUSE = PAUSES.get(platform.machine(), "fence seq_cst")
DECLARED = "declare void @llvm.x86.sse2.pause()" if "pause" in PAUSE else ""

TEXT = f"""
{DECLARED}
define internal void @relax(ptr %box, i64 %turn) {{
entry:
  {PAUSE}
  %long = icmp sge i64 %turn, {SPINS}
  br i1 %long, label %give, label %end
give:
  %place = getelementptr i64, ptr %box, i64 {YIELD}
  %function = load ptr, ptr %place
  %r = call i32 %function()
  br label %end
end:
  ret void
}}
define internal void @meet(ptr %box, i64 %threads) {{
entry:
  %arrived = getelementptr i64, ptr %box, i64 {ARRIVED}
  %sense = getelementptr i64, ptr %box, i64 {SENSE}
  %mine = load atomic i64, ptr %sense acquire, align 8
  %before = atomicrmw add ptr %arrived, i64 1 acq_rel
  %all = sub i64 %threads, 1
  %last = icmp eq i64 %before, %all
  br i1 %last, label %open, label %wait
open:
  store atomic i64 0, ptr %arrived monotonic, align 8
  %next = add i64 %mine, 1
  store atomic i64 %next, ptr %sense release, align 8
  ret void
wait:
  %turn = phi i64 [0, %entry], [%more, %again]
  %now = load atomic i64, ptr %sense acquire, align 8
  %free = icmp ne i64 %now, %mine
  br i1 %free, label %end, label %again
again:
  call void @relax(ptr %box, i64 %turn)
  %more = add i64 %turn, 1
  br label %wait
end:
  ret void
}}
define void @run(ptr %box, ptr %table, i64 %count, i64 %tid, i64 %threads) {{
entry:
  %several = icmp sgt i64 %threads, 1
  %some = icmp sgt i64 %count, 0
  br i1 %some, label %loop, label %done
loop:
  %i = phi i64 [0, %entry], [%i1, %next]
  %at = mul i64 %i, 3
  %p0 = getelementptr i64, ptr %table, i64 %at
  %p1 = getelementptr i64, ptr %p0, i64 1
  %p2 = getelementptr i64, ptr %p0, i64 2
  %function = load ptr, ptr %p0
  %args = load ptr, ptr %p1
  %flags = load i64, ptr %p2
  %m = and i64 %flags, {MEET}
  %wants = icmp ne i64 %m, 0
  %meets = and i1 %wants, %several
  br i1 %meets, label %meeting, label %work
meeting:
  call void @meet(ptr %box, i64 %threads)
  br label %work
work:
  %s = and i64 %flags, {SERIAL}
  %alone = icmp ne i64 %s, 0
  br i1 %alone, label %serial, label %shared
serial:
  %mine = icmp eq i64 %tid, 0
  br i1 %mine, label %single, label %next
single:
  call void %function(ptr %args, i64 0, i64 1)
  br label %next
shared:
  call void %function(ptr %args, i64 %tid, i64 %threads)
  br label %next
next:
  %i1 = add i64 %i, 1
  %go = icmp slt i64 %i1, %count
  br i1 %go, label %loop, label %done
done:
  br i1 %several, label %last, label %end
last:
  call void @meet(ptr %box, i64 %threads)
  br label %end
end:
  ret void
}}
define void @lead(ptr %box, ptr %table, i64 %count, i64 %tid, i64 %threads) {{
entry:
  %address = ptrtoint ptr %table to i64
  %pt = getelementptr i64, ptr %box, i64 {TABLE}
  %pc = getelementptr i64, ptr %box, i64 {COUNT}
  %pn = getelementptr i64, ptr %box, i64 {THREADS}
  %before = atomicrmw add ptr %box, i64 1 seq_cst
  store atomic i64 %address, ptr %pt release, align 8
  store atomic i64 %count, ptr %pc release, align 8
  store atomic i64 %threads, ptr %pn release, align 8
  %odd = atomicrmw add ptr %box, i64 1 seq_cst
  call void @run(ptr %box, ptr %table, i64 %count, i64 0, i64 %threads)
  ret void
}}
define i64 @serve(ptr %box, i64 %tid, i64 %seen) {{
entry:
  br label %wait
wait:
  %known = phi i64 [%seen, %entry], [%known, %idle], [%known, %work], [%generation, %served]
  %turn = phi i64 [0, %entry], [%more, %idle], [0, %work], [0, %served]
  %generation = load atomic i64, ptr %box acquire, align 8
  %other = icmp ne i64 %generation, %known
  %low = and i64 %generation, 1
  %whole = icmp eq i64 %low, 0
  %new = and i1 %other, %whole
  br i1 %new, label %work, label %idle0
idle0:
  call void @relax(ptr %box, i64 %turn)
  %more = add i64 %turn, 1
  %tired = icmp sgt i64 %more, {SPINS + IDLE_YIELDS}
  br i1 %tired, label %leave, label %idle
idle:
  br label %wait
work:
  %pt = getelementptr i64, ptr %box, i64 {TABLE}
  %pc = getelementptr i64, ptr %box, i64 {COUNT}
  %pn = getelementptr i64, ptr %box, i64 {THREADS}
  %address = load atomic i64, ptr %pt acquire, align 8
  %count = load atomic i64, ptr %pc acquire, align 8
  %threads = load atomic i64, ptr %pn acquire, align 8
  %again = load atomic i64, ptr %box acquire, align 8
  %steady = icmp eq i64 %again, %generation
  br i1 %steady, label %known_whole, label %wait
known_whole:
  %table = inttoptr i64 %address to ptr
  %member = icmp slt i64 %tid, %threads
  br i1 %member, label %take, label %served
take:
  call void @run(ptr %box, ptr %table, i64 %count, i64 %tid, i64 %threads)
  br label %served
served:
  br label %wait
leave:
  ret i64 %known
}}
"""
