/// A number that sums and products are carried in.
protocol Accumulator {
    static var nought: Self { get }
    static var unit: Self { get }
    func plus(_ other: Self) -> Self
    func times(_ other: Self) -> Self
}

extension Double: Accumulator {
    static var unit: Double { 1 }
    @inline(__always) func plus(_ other: Double) -> Double { self + other }
    @inline(__always) func times(_ other: Double) -> Double { self * other }
}

extension Int64: Accumulator {
    static var unit: Int64 { 1 }
    @inline(__always) func plus(_ other: Int64) -> Int64 { self &+ other }
    @inline(__always) func times(_ other: Int64) -> Int64 { self &* other }
}

/// Reductions of consecutive elements, in lanes, in an order that depends on the count only.
enum RowReduction {
    /// Lanes of a sum: enough to keep the adders of one core busy.
    private static let lanes = 32

    /// Σ term(x).
    @inline(__always)
    static func laned<C, A: Accumulator>(_ x: UnsafePointer<C>, _ count: Int, _ term: (C) -> A) -> A {
        fold(x, count, A.nought, term) { $0.plus($1) }
    }

    /// Π term(x).
    @inline(__always)
    static func lanedProduct<C, A: Accumulator>(_ x: UnsafePointer<C>, _ count: Int, _ term: (C) -> A) -> A {
        fold(x, count, A.unit, term) { $0.times($1) }
    }

    @inline(__always)
    private static func fold<C, A>(
        _ x: UnsafePointer<C>, _ count: Int, _ start: A, _ term: (C) -> A, _ combine: (A, A) -> A
    ) -> A {
        withUnsafeTemporaryAllocation(of: A.self, capacity: lanes) { sums in
            for lane in 0..<lanes { sums[lane] = start }
            let whole = count - count % lanes
            var first = 0
            while first < whole {
                for lane in 0..<lanes { sums[lane] = combine(sums[lane], term(x[first + lane])) }
                first += lanes
            }
            var width = lanes / 2
            while width > 0 {
                for lane in 0..<width { sums[lane] = combine(sums[lane], sums[lane + width]) }
                width /= 2
            }
            var rest = sums[0]
            for index in whole..<count { rest = combine(rest, term(x[index])) }
            return rest
        }
    }

    static func sum(_ x: UnsafePointer<Float>, _ count: Int) -> Double { laned(x, count) { Double($0) } }
    static func sum(_ x: UnsafePointer<Double>, _ count: Int) -> Double { laned(x, count) { $0 } }

    /// The largest element; NaN where there is one.
    static func maximum(_ x: UnsafePointer<Float>, _ count: Int) -> Float { x[firstExtreme(x, count, Largest())] }

    /// The index of the first element that no other beats; of the first NaN where there is one. `count` is at least 1.
    static func firstExtreme<O: ElementOrder>(_ x: UnsafePointer<O.Element>, _ count: Int, _ order: O) -> Int {
        // First the extreme of each lane and whether there is a NaN, then where it is: two loops of vector code.
        let lanes = 16
        let whole = count - count % lanes
        var unordered = false
        var best = x[0]
        withUnsafeTemporaryAllocation(of: O.Element.self, capacity: lanes) { tops in
            tops.initialize(repeating: x[0])
            var first = 0
            while first < whole {
                for lane in 0..<lanes {
                    let value = x[first + lane]
                    tops[lane] = order.beats(value, tops[lane]) ? value : tops[lane]
                }
                first += lanes
            }
            for lane in 0..<lanes where order.beats(tops[lane], best) { best = tops[lane] }
        }
        for index in whole..<count where order.beats(x[index], best) { best = x[index] }
        for index in 0..<count { unordered = unordered || x[index] != x[index] }
        if unordered {
            for index in 0..<count where x[index] != x[index] { return index }
        }
        for index in 0..<count where x[index] == best { return index }
        return 0
    }
}

/// Which of two elements is the extreme one.
protocol ElementOrder {
    associatedtype Element: Computed & Comparable
    func beats(_ a: Element, _ b: Element) -> Bool
}

struct Largest<Element: Computed & Comparable>: ElementOrder {
    @inline(__always) func beats(_ a: Element, _ b: Element) -> Bool { a > b }
}

struct Smallest<Element: Computed & Comparable>: ElementOrder {
    @inline(__always) func beats(_ a: Element, _ b: Element) -> Bool { a < b }
}
