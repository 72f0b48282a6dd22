import Threading

import Foundation

/// Sorting rows that lie along the last dimension, in parallel over rows.
public enum SortKernels {
    /// Sorts every `length` consecutive elements and keeps the first `kept` of each row.
    ///
    /// The sort is stable and NaN counts as the largest element, as in PyTorch and NumPy.
    /// - Parameters:
    ///   - values: has `kept` elements for every row.
    ///   - indices: receives where each element was in its row, from 0.
    /// - Returns: how it ended; `.refused` where the memory to sort in, `bytesPerElement` for each element of a row and
    ///   thread, could not be had.
    public static func run(
        _ source: StridedView, length: Int, kept: Int, descending: Bool, compute: ComputeType, values: StridedView,
        indices: UnsafeMutablePointer<Int64>
    ) -> KernelOutcome {
        switch compute {
        case .f32: return run(source, length, kept, descending, values, indices, Float.self)
        case .f64: return run(source, length, kept, descending, values, indices, Double.self)
        case .i64: return run(source, length, kept, descending, values, indices, Int64.self)
        }
    }

    /// What sorting a row takes beside its values and indices.
    public static let bytesPerElement = 48

    private struct Entry {
        var key: UInt64
        var index: Int
    }

    @inline(__always)
    private static func run<C: Computed & Sortable>(
        _ source: StridedView, _ length: Int, _ kept: Int, _ descending: Bool, _ target: StridedView,
        _ indices: UnsafeMutablePointer<Int64>, _: C.Type
    ) -> KernelOutcome {
        if source.count == 0 || kept == 0 { return .done }
        let hasMemory = Flag(true)
        let isWhole = Flag(true)
        let flip: UInt64 = descending ? (C.type == .f32 ? 0xFFFF_FFFF : UInt64.max) : 0
        let bytes = C.type == .f32 ? 4 : 8
        let isDone = Parallel.forPieces(
            source.count / length, grain: max(1, 2048 / length), piece: max(1, KernelOutcome.piece / 16 / length)
        ) { range in
            let width = MemoryLayout<Entry>.stride
            guard let memory = malloc(2 * length * width + (length + kept) * 8) else {
                hasMemory.clear()
                return
            }
            defer { free(memory) }
            let entries = memory.assumingMemoryBound(to: Entry.self)
            let scratch = (memory + 2 * length * width).assumingMemoryBound(to: C.self)
            let output = scratch + length
            for row in range {
                let x = source.load(row * length, length, scratch)
                for index in 0..<length { entries[index] = Entry(key: x[index].sortKey ^ flip, index: index) }
                guard let sorted = sort(entries, entries + length, length, bytes) else {
                    isWhole.clear()
                    return
                }
                for index in 0..<kept {
                    output[index] = x[sorted[index].index]
                    indices[row * kept + index] = Int64(sorted[index].index)
                }
                target.scatter(row * kept, kept, from: UnsafePointer(output))
            }
        }
        return isDone && isWhole.isSet ? (hasMemory.isSet ? .done : .refused) : .stopped
    }

    /// Sorts by key, entries of equal keys staying in order; returns which of the two buffers holds the result, or nil where a
    /// long row was given up after a request to stop.
    private static func sort(
        _ entries: UnsafeMutablePointer<Entry>, _ spare: UnsafeMutablePointer<Entry>, _ count: Int, _ bytes: Int
    ) -> UnsafeMutablePointer<Entry>? {
        if count < 256 {
            var buffer = UnsafeMutableBufferPointer(start: entries, count: count)
            buffer.sort { (a: Entry, b: Entry) -> Bool in a.key == b.key ? a.index < b.index : a.key < b.key }
            return entries
        }
        var (from, to) = (entries, spare)
        let isLong = count > KernelOutcome.piece / 16
        let isWhole = withUnsafeTemporaryAllocation(of: Int.self, capacity: 256) { places in
            for shift in stride(from: UInt64(0), to: UInt64(bytes * 8), by: 8) {
                if isLong, Stop.isRequested { return false }
                places.update(repeating: 0)
                for index in 0..<count { places[Int((from[index].key >> shift) & 255)] += 1 }
                if places[Int((from[0].key >> shift) & 255)] == count { continue }
                var before = 0
                for digit in 0..<256 {
                    let here = places[digit]
                    places[digit] = before
                    before += here
                }
                for index in 0..<count {
                    let digit = Int((from[index].key >> shift) & 255)
                    to[places[digit]] = from[index]
                    places[digit] += 1
                }
                swap(&from, &to)
            }
            return true
        }
        return isWhole ? from : nil
    }
}

/// An element with an unsigned integer that orders it: both zeros are equal and NaN comes last.
private protocol Sortable {
    var sortKey: UInt64 { get }
}

extension Float: Sortable {
    @inline(__always) var sortKey: UInt64 {
        if isNaN { return UInt64(UInt32.max) }
        let bits = (self == 0 ? 0 : self).bitPattern
        return UInt64(bits >> 31 == 1 ? ~bits : bits | 1 << 31)
    }
}

extension Double: Sortable {
    @inline(__always) var sortKey: UInt64 {
        if isNaN { return UInt64.max }
        let bits = (self == 0 ? 0 : self).bitPattern
        return bits >> 63 == 1 ? ~bits : bits | 1 << 63
    }
}

extension Int64: Sortable {
    @inline(__always) var sortKey: UInt64 { UInt64(bitPattern: self) ^ (1 << 63) }
}
