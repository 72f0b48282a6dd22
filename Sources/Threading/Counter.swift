import Synchronization

/// A number that any thread counts up, from 0.
public final class Counter: Sendable {
    private let next = Atomic(0)

    /// 0.
    public init() {}

    /// The numbers that were taken so far.
    public var value: Int { next.load(ordering: .relaxed) }

    /// The next number, which nobody else gets.
    @discardableResult
    public func take() -> Int { next.wrappingAdd(1, ordering: .relaxed).oldValue }
}
