import Synchronization

/// A truth value that any thread of a parallel loop may clear.
public final class Flag: Sendable {
    private let value: Atomic<Bool>

    /// A flag that is set, or not.
    public init(_ isSet: Bool) { value = Atomic(isSet) }

    /// Whether nobody has cleared it.
    public var isSet: Bool { value.load(ordering: .relaxed) }

    /// Clears it.
    public func clear() { value.store(false, ordering: .relaxed) }
}
