import Synchronization

/// Numbers from 0 up, each given once, to any thread.
final class Counter: Sendable {
    private let next = Atomic(0)

    func take() -> Int { next.wrappingAdd(1, ordering: .relaxed).oldValue }
}
