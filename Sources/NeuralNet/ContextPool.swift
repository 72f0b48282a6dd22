import Foundation
import Threading
import Tensors

/// Runs a network on many images, each on one thread from its first layer to its last.
///
/// Threads then never wait for each other inside a layer, an image's activations stay in its core's cache, and an
/// image's result has the same bits alone and in any batch, on one thread and on many.
public final class ContextPool {
    /// The dtype of activations and packed weights.
    public let dtype: DType
    private var idle: [Context] = []
    private let lock = NSLock()

    /// - Parameter dtype: f32 or bf16.
    public init(dtype: DType) throws {
        self.dtype = dtype
        idle = [try Context(dtype: dtype)]
    }

    /// Runs `body` for every index of `0 ..< count`, in parallel; stops at the first error and between units where a
    /// stop was requested.
    public func forEach(_ count: Int, _ body: @escaping (Int, Context) throws -> Void) throws {
        let failure = Failure()
        Parallel.forEach(count) { index in
            if failure.hasFailed { return }
            do {
                try Cancellation.check()
                let context = try self.take()
                defer { self.give(context) }
                try context.run { try body(index, context) }
            } catch {
                failure.set(error)
            }
        }
        if let error = failure.first { throw error }
    }

    /// Lets the contexts that wait go, with the memory of their activations.
    public func trim() {
        lock.lock()
        idle = []
        lock.unlock()
    }

    private func take() throws -> Context {
        lock.lock()
        defer { lock.unlock() }
        return try idle.popLast() ?? Context(dtype: dtype)
    }

    private func give(_ context: Context) {
        lock.lock()
        idle.append(context)
        lock.unlock()
    }

    /// The first error of a parallel loop.
    private final class Failure {
        private let lock = NSLock()
        private(set) var first: Error?

        var hasFailed: Bool {
            lock.lock()
            defer { lock.unlock() }
            return first != nil
        }

        func set(_ error: Error) {
            lock.lock()
            if first == nil { first = error }
            lock.unlock()
        }
    }
}
