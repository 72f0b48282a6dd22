import Engine
import Foundation
import Identity
import Tensors
import Threading

/// The processor: oneDNN and our kernels, on the threads of the process.
public final class CPUExecutor: Executor {
    /// The dtype of activations and packed weights: f32 or bf16.
    public let dtype: DType
    /// The processor.
    public let deviceKind = DeviceKind.cpu
    let prepared = Prepared()
    private let pool: WorkerPool
    private var whole: CPUExecution?

    /// An executor for one model.
    /// - Throws: `TensorError.dtype` for another dtype than f32 and bf16, `EngineError` where oneDNN fails.
    public init(dtype: DType) throws {
        self.dtype = dtype
        pool = try WorkerPool(dtype: dtype, prepared)
    }

    /// Runs the units on threads, or one after the other with all threads in each operation.
    public func map(
        _ count: Int, _ schedule: Schedule, _ body: @escaping (CPUExecution, Range<Int>) throws -> [Tensor]
    ) throws -> [Tensor] {
        defer { prepared.settle() }
        let threads = Parallel.threads
        let results = GatheredRows(count)
        let most: Int
        switch schedule {
        case .pieces(let limit): most = limit
        case .fitted where count >= threads: most = 1
        case .fitted, .spread:
            let execution = try spreading(threads)
            try execution.run {
                for row in 0..<count {
                    try Cancellation.check()
                    try results.put(body(execution, row..<row + 1), row..<row + 1)
                }
            }
            return results.tensors
        }
        if count == 0 { return [] }
        let size = max(1, min(most, (count + threads - 1) / threads))
        let units = stride(from: 0, to: count, by: size).map { $0..<min(count, $0 + size) }
        try pool.forEach(units.count) { index, execution in
            try results.put(body(execution, units[index]), units[index])
        }
        return results.tensors
    }

    /// Runs `body` with all threads in each operation.
    public func run<Result>(_ body: (CPUExecution) throws -> Result) throws -> Result {
        defer { prepared.settle() }
        let execution = try spreading(Parallel.threads)
        return try execution.run { try body(execution) }
    }

    /// The execution whose operations use all threads.
    private func spreading(_ threads: Int) throws -> CPUExecution {
        if let whole, whole.threads == max(1, threads) { return whole }
        let made = try CPUExecution(dtype: dtype, threads: threads, prepared)
        whole = made
        return made
    }

    /// Whether what is made of the weights of a network's block is let go behind it.
    public var isStreaming: Bool {
        get { prepared.isStreaming }
        set { prepared.isStreaming = newValue }
    }

    /// How many layers' weights are held.
    package var weightCount: Int { prepared.weightCount }

    /// Gives back the memory of activations.
    public func releaseActivations() {
        pool.trim()
        whole = nil
    }

    /// Gives back activations, and the large weights of Winograd's algorithm.
    public func releaseMemory() {
        releaseActivations()
        prepared.releaseWinograd()
    }

    /// Forgets what was made of weights.
    public func forget() { prepared.forget() }
}

/// Rows that come from units in any order, put together.
private final class GatheredRows {
    private(set) var tensors: [Tensor] = []
    private let count: Int
    private let lock = NSLock()

    init(_ count: Int) { self.count = count }

    /// Copies the rows of a unit to their places.
    func put(_ values: [Tensor], _ rows: Range<Int>) throws {
        let parts = try values.map { try $0.contiguous() }
        let targets = try lock.withLock {
            if tensors.isEmpty {
                tensors = try parts.map { try Tensor(uninitialized: [count] + $0.shape.dropFirst(), $0.dtype) }
            }
            return tensors
        }
        guard targets.count == parts.count else {
            throw TensorError.shape(operation: "rows", message: "\(targets.count) values became \(parts.count)")
        }
        for (target, part) in zip(targets, parts) {
            guard part.shape == [rows.count] + target.shape.dropFirst(), part.dtype == target.dtype else {
                throw TensorError.shape(
                    operation: "rows",
                    message: "\(rows.count) rows of \(Tensor.text(target.shape)) came as \(Tensor.text(part.shape))")
            }
            let rowBytes = part.count / rows.count * part.dtype.size
            (target.pointer + rows.lowerBound * rowBytes).copyMemory(
                from: part.pointer, byteCount: rows.count * rowBytes)
        }
    }
}
