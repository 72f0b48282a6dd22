/// Memory seen as an array with sizes and strides (in elements), as kernels read and write it.
///
/// The caller has checked that every element lies inside the memory, and keeps it alive. Dimensions of size 1 are
/// dropped and neighbours that lie one after the other are merged, so that the inner loops are as long as they can be.
public struct StridedView {
    let base: UnsafeMutableRawPointer
    let type: ElementType
    let shape: [Int]
    let strides: [Int]
    let count: Int

    /// - Parameters:
    ///   - base: the address of the first element.
    ///   - shape: sizes, outermost first.
    ///   - strides: elements from one index to the next, one for each size; 0 repeats, negative runs backwards.
    public init(_ base: UnsafeMutableRawPointer, _ type: ElementType, shape: [Int], strides: [Int]) {
        var sizes: [Int] = []
        var steps: [Int] = []
        var count = 1
        for axis in 0..<shape.count {
            count *= shape[axis]
            if shape[axis] == 1 { continue }
            if let outer = steps.last, outer == strides[axis] * shape[axis] {
                sizes[sizes.count - 1] *= shape[axis]
                steps[steps.count - 1] = strides[axis]
            } else {
                sizes.append(shape[axis])
                steps.append(strides[axis])
            }
        }
        self.base = base
        self.type = type
        self.shape = sizes.isEmpty ? [1] : sizes
        self.strides = sizes.isEmpty ? [1] : steps
        self.count = count
    }

    /// A view of `count` elements that lie one after the other.
    public init(_ base: UnsafeMutableRawPointer, _ type: ElementType, count: Int) {
        self.init(base, type, shape: [count], strides: [1])
    }

    var isContiguous: Bool { shape.count == 1 && strides[0] == 1 }
    var isConstant: Bool { strides.allSatisfy { $0 == 0 } }

    /// Calls `body` with (position of the first element, its stride, elements done before, length) for every run along
    /// the innermost dimension that covers the elements `start ..< start + length` in row-major order.
    @inline(__always)
    func forEachRun(_ start: Int, _ length: Int, _ body: (Int, Int, Int, Int) -> Void) {
        let last = shape.count - 1
        let inner = shape[last]
        let step = strides[last]
        if last == 0 {
            body(start * step, step, 0, length)
            return
        }
        withUnsafeTemporaryAllocation(of: Int.self, capacity: last) { index in
            var rest = start / inner
            var column = start - rest * inner
            var position = 0
            for axis in stride(from: last - 1, through: 0, by: -1) {
                let quotient = rest / shape[axis]
                index[axis] = rest - quotient * shape[axis]
                position += index[axis] * strides[axis]
                rest = quotient
            }
            var done = 0
            while done < length {
                let run = min(inner - column, length - done)
                body(position + column * step, step, done, run)
                done += run
                column = 0
                var axis = last - 1
                while axis >= 0 {
                    index[axis] += 1
                    position += strides[axis]
                    if index[axis] < shape[axis] { break }
                    position -= strides[axis] * shape[axis]
                    index[axis] = 0
                    axis -= 1
                }
            }
        }
    }
}

extension StridedView {
    /// The elements `start ..< start + length` as `C`: in place where they lie so, else converted into `scratch`.
    @inline(__always)
    func load<C: Computed>(_ start: Int, _ length: Int, _ scratch: UnsafeMutablePointer<C>) -> UnsafePointer<C> {
        if type == C.type && isContiguous {
            return UnsafePointer(base.assumingMemoryBound(to: C.self) + start)
        }
        gather(start, length, into: scratch)
        return UnsafePointer(scratch)
    }

    /// Converts the elements `start ..< start + length` into `target`.
    func gather<C: Computed>(_ start: Int, _ length: Int, into target: UnsafeMutablePointer<C>) {
        switch type {
        case .f32: gather(start, length, Float.self, into: target)
        case .f64: gather(start, length, Double.self, into: target)
        case .bf16: gather(start, length, BrainFloat.self, into: target)
        case .f16: gather(start, length, Float16.self, into: target)
        case .i64: gather(start, length, Int64.self, into: target)
        case .i32: gather(start, length, Int32.self, into: target)
        case .u8: gather(start, length, UInt8.self, into: target)
        case .bool: gather(start, length, Truth.self, into: target)
        }
    }

    /// Converts `source` into the elements `start ..< start + length`.
    func scatter<C: Computed>(_ start: Int, _ length: Int, from source: UnsafePointer<C>) {
        switch type {
        case .f32: scatter(start, length, Float.self, from: source)
        case .f64: scatter(start, length, Double.self, from: source)
        case .bf16: scatter(start, length, BrainFloat.self, from: source)
        case .f16: scatter(start, length, Float16.self, from: source)
        case .i64: scatter(start, length, Int64.self, from: source)
        case .i32: scatter(start, length, Int32.self, from: source)
        case .u8: scatter(start, length, UInt8.self, from: source)
        case .bool: scatter(start, length, Truth.self, from: source)
        }
    }

    private func gather<S: Stored, C: Computed>(
        _ start: Int, _ length: Int, _: S.Type, into target: UnsafeMutablePointer<C>
    ) {
        let elements = UnsafePointer(base.assumingMemoryBound(to: S.self))
        forEachRun(start, length) { position, step, done, run in
            let from = elements + position
            let to = target + done
            if step == 1 {
                for index in 0..<run { to[index] = C.load(from[index]) }
            } else if step == 0 {
                let value = C.load(from[0])
                for index in 0..<run { to[index] = value }
            } else {
                for index in 0..<run { to[index] = C.load(from[index * step]) }
            }
        }
    }

    private func scatter<S: Stored, C: Computed>(
        _ start: Int, _ length: Int, _: S.Type, from source: UnsafePointer<C>
    ) {
        let elements = base.assumingMemoryBound(to: S.self)
        forEachRun(start, length) { position, step, done, run in
            let from = source + done
            let to = elements + position
            if step == 1 {
                for index in 0..<run { to[index] = from[index].store(as: S.self) }
            } else {
                for index in 0..<run { to[index * step] = from[index].store(as: S.self) }
            }
        }
    }
}
