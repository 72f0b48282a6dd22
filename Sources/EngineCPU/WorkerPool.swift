import Engine
import Foundation
import Tensors
import Threading

/// Runs a network on many images, each on one thread from its first layer to its last.
///
/// Threads then never wait for each other inside a layer, an image's activations stay in its core's cache, and an
/// image's result has the same bits alone and in any batch, on one thread and on many.
package final class WorkerPool {
    private let dtype: DType
    private let prepared: Prepared
    private var idle: [CPUExecution] = []
    private let lock = NSLock()

    package init(dtype: DType, _ prepared: Prepared) throws {
        self.dtype = dtype
        self.prepared = prepared
        idle = [try CPUExecution(dtype: dtype, threads: 1, prepared)]
    }

    /// Runs `body` for every index of `0 ..< count`, in parallel; stops at the first error and between units where a
    /// stop was requested.
    package func forEach(_ count: Int, _ body: @escaping (Int, CPUExecution) throws -> Void) throws {
        let failure = Failure()
        Parallel.forEach(count) { index in
            if failure.hasFailed { return }
            do {
                try Cancellation.check()
                let execution = try self.take()
                defer { self.give(execution) }
                try execution.run { try body(index, execution) }
            } catch {
                failure.set(error)
            }
        }
        if let error = failure.first { throw error }
    }

    /// Lets the executions that wait go, with the memory of their activations.
    package func trim() {
        lock.lock()
        idle = []
        lock.unlock()
    }

    private func take() throws -> CPUExecution {
        lock.lock()
        defer { lock.unlock() }
        return try idle.popLast() ?? CPUExecution(dtype: dtype, threads: 1, prepared)
    }

    private func give(_ execution: CPUExecution) {
        lock.lock()
        idle.append(execution)
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
