import Engine
import Tensors

extension CPUExecution {
    /// Runs `body` for every index of `0 ..< count`: in parallel on executions of one thread each where this one has
    /// several threads, else in turn on this one.
    ///
    /// Units that share nothing need not wait for each other inside an operation, as its threads would.
    /// - Throws: the first error of `body`; `TensorError.stopped` between units where a stop was requested.
    func parallel(_ count: Int, _ body: @escaping (Int, CPUExecution) throws -> Void) throws {
        if threads == 1 {
            for index in 0..<count {
                try Cancellation.check()
                try body(index, self)
            }
            return
        }
        let blocks = blocks
        try workers().forEach(count) { index, execution in
            execution.blocks = blocks
            defer { execution.blocks = [] }
            try body(index, execution)
        }
    }
}
