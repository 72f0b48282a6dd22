import CSupport

/// Parallel loops on the one thread pool of the process, libgomp's, which oneDNN's primitives use as well.
public enum Parallel {
    /// The number of threads of a parallel loop; every library of the process follows it.
    public static var threads: Int { Int(cx_threads()) }

    /// Runs `body` over consecutive, disjoint ranges that cover `0 ..< count`, in parallel.
    ///
    /// The cut depends on `count`, `grain` and the thread count only, so results that do not depend on the cut are the
    /// same from run to run. Nested calls run on the caller's thread.
    /// - Parameters:
    ///   - count: how many units of work there are.
    ///   - grain: the fewest units worth a thread of their own.
    ///   - body: is called with a non-empty range; it must not throw and must not touch what another range writes.
    public static func forRanges(_ count: Int, grain: Int = 1, _ body: (Range<Int>) -> Void) {
        if count <= 0 { return }
        let parts = max(1, min(threads, count / max(1, grain)))
        if parts == 1 {
            body(0..<count)
            return
        }
        withoutActuallyEscaping(body) { escaping in
            var job = Job(count: count, parts: parts, body: escaping)
            withUnsafeMutablePointer(to: &job) { pointer in
                cx_parallel(
                    Int32(parts),
                    { context, index in
                        guard let job = context?.assumingMemoryBound(to: Job.self).pointee else { return }
                        let start = job.count * Int(index) / job.parts
                        let end = job.count * (Int(index) + 1) / job.parts
                        if start < end { job.body(start..<end) }
                    }, pointer)
            }
        }
    }

    /// As `forRanges`, for loops that may be long: a range is cut into pieces of at most `piece` units, and none but a range's
    /// first begins after a request to stop. So short work is always done whole: what is put away after a stop uses it too.
    /// - Returns: whether all was done.
    public static func forPieces(
        _ count: Int, grain: Int = 1, piece: Int, _ body: (Range<Int>) -> Void
    ) -> Bool {
        if count <= piece {
            forRanges(count, grain: grain, body)
            return true
        }
        let isDone = Flag(true)
        forRanges(count, grain: grain) { range in
            var start = range.lowerBound
            while start < range.upperBound {
                if start > range.lowerBound, Stop.isRequested {
                    isDone.clear()
                    return
                }
                let end = min(range.upperBound, start + piece)
                body(start..<end)
                start = end
            }
        }
        return isDone.isSet
    }

    /// Runs `body` for every index of `0 ..< count`, in parallel, in units that are handed out one at a time:
    /// for work whose units differ in length, such as decoding images.
    public static func forEach(_ count: Int, _ body: (Int) -> Void) {
        if count <= 0 { return }
        if count == 1 || threads == 1 {
            for index in 0..<count { body(index) }
            return
        }
        withoutActuallyEscaping(body) { escaping in
            var job = Job(count: count, parts: count, body: { escaping($0.lowerBound) })
            withUnsafeMutablePointer(to: &job) { pointer in
                cx_parallel(
                    Int32(count),
                    { context, index in
                        guard let job = context?.assumingMemoryBound(to: Job.self).pointee else { return }
                        job.body(Int(index)..<Int(index) + 1)
                    }, pointer)
            }
        }
    }

    /// As `forEach`, with the number of a slot, below `slots`, that no other unit has at the same time: for memory that units
    /// take turns with. At most `slots` units run at a time.
    public static func forEach(_ count: Int, slots: Int, _ body: (_ index: Int, _ slot: Int) -> Void) {
        if slots <= 1 || count <= 1 {
            for index in 0..<max(0, count) { body(index, 0) }
            return
        }
        let next = Counter()
        forEach(min(slots, count)) { slot in
            while true {
                let index = next.take()
                if index >= count { return }
                body(index, slot)
            }
        }
    }

    private struct Job {
        var count: Int
        var parts: Int
        var body: (Range<Int>) -> Void
    }
}
