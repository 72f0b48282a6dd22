import Foundation
import Tensors

/// Reads the next batch on a thread of its own while the network works on this one.
final class BatchReader {
    private let condition = NSCondition()
    private var ready: [Result<Tensor, Error>] = []
    private var isStopped = false

    /// Starts to read.
    init(_ count: Int, _ read: @escaping (Int) throws -> Tensor) {
        let thread = Thread { [self] in
            for index in 0..<count {
                let result = Result { try read(index) }
                condition.lock()
                while ready.count >= 2 && !isStopped { condition.wait() }
                let stops = isStopped
                if !stops { ready.append(result) }
                condition.signal()
                condition.unlock()
                if stops { return }
                if case .failure = result { return }
            }
        }
        thread.stackSize = 8 << 20
        thread.start()
    }

    /// The next batch.
    func next() throws -> Tensor {
        condition.lock()
        while ready.isEmpty { condition.wait() }
        let result = ready.removeFirst()
        condition.signal()
        condition.unlock()
        return try result.get()
    }

    /// Ends the thread after the batch that it reads.
    func stop() {
        condition.lock()
        isStopped = true
        condition.signal()
        condition.unlock()
    }
}
