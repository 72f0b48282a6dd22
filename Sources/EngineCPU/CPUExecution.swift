import COneDNN
import Engine
import Foundation
import Tensors

/// What a pass runs in on the processor: the compute dtype, the memory that one thread of work reuses, and what its executor
/// made of the weights. Values are tensors of the host.
///
/// It belongs to one thread at a time.
public final class CPUExecution {
    /// The dtype of activations and packed weights: f32 or bf16. Sums, norms and softmax are f32 in both.
    public let dtype: DType
    /// The threads that one operation uses.
    public let threads: Int
    let prepared: Prepared

    private let stream: dnnl_stream_t
    private var buffers: [Storage] = []
    private var scratchpad: Storage?
    private let bound = RecentCache<ObjectIdentifier, BoundPrimitive>(capacity: Prepared.primitiveCapacity)
    private var pool: WorkerPool?
    /// The blocks of the network that this execution is inside of, and the one that it left last.
    var blocks: [AnyObject] = []
    private var lastBlock: AnyObject?

    /// An execution for one thread of work, with weights of its own.
    /// - Parameters:
    ///   - dtype: f32 or bf16.
    ///   - threads: how many threads one operation uses; networks that run an image a thread use 1.
    /// - Throws: `TensorError.dtype` for another dtype, `EngineError` where oneDNN fails.
    public convenience init(dtype: DType, threads: Int = 1) throws {
        try self.init(dtype: dtype, threads: threads, Prepared())
    }

    package init(dtype: DType, threads: Int, _ prepared: Prepared) throws {
        _ = try OneDNN.dataType(dtype, "network")
        self.dtype = dtype
        self.threads = max(1, threads)
        self.prepared = prepared
        let engine = try OneDNN.engine()
        stream = try OneDNN.handle("stream") { dnnl_stream_create(&$0, engine, 0) }
    }

    deinit { dnnl_stream_destroy(stream) }

    /// Runs `body` with oneDNN held to this execution's threads.
    public func run<Result>(_ body: () throws -> Result) rethrows -> Result {
        let before = cx_dnn_set_threads(Int32(threads))
        defer { _ = cx_dnn_set_threads(before) }
        return try body()
    }

    /// Runs a block of a network; where weights are streamed, what was packed for it is let go behind it.
    public func block<Result>(_ owner: AnyObject, _ body: () throws -> Result) throws -> Result {
        try Cancellation.check()
        guard prepared.isStreaming else { return try body() }
        prepared.enter(owner, after: lastBlock)
        blocks.append(owner)
        defer {
            blocks.removeLast()
            lastBlock = owner
            prepared.leave(owner)
        }
        return try body()
    }

    /// The executions of one thread each that share this one's work.
    func workers() throws -> WorkerPool {
        if let pool { return pool }
        let made = try WorkerPool(dtype: dtype, prepared)
        pool = made
        return made
    }

    /// A contiguous tensor, not cleared, in memory that returns here when the last tensor over it is gone.
    package func allocate(_ shape: [Int], _ dtype: DType) throws -> Tensor {
        let (bytes, overflow) = try Tensor.elementCount(shape, operation: "activation")
            .multipliedReportingOverflow(by: dtype.size)
        if overflow { throw TensorError.outOfMemory(bytes: Int.max) }
        return try Tensor(
            storage: try storage(bytes), dtype: dtype, shape: shape, strides: Tensor.contiguousStrides(shape),
            offset: 0)
    }

    private static let largeBuffer = 32 << 20

    /// The smallest free buffer that holds `bytes` without wasting more than half, or a new one.
    private func storage(_ bytes: Int) throws -> Storage {
        var best = -1
        for index in buffers.indices where buffers[index].byteCount >= bytes {
            if best >= 0 && buffers[index].byteCount >= buffers[best].byteCount { continue }
            if isKnownUniquelyReferenced(&buffers[index]) { best = index }
        }
        if best >= 0 && buffers[best].byteCount / 2 <= bytes { return buffers[best] }
        if bytes >= Self.largeBuffer {
            // Images of another size begin: what smaller ones needed would only lie about.
            for index in buffers.indices.reversed() {
                let size = buffers[index].byteCount
                guard size >= Self.largeBuffer / 16, size < bytes, isKnownUniquelyReferenced(&buffers[index]) else {
                    continue
                }
                buffers.remove(at: index)
            }
        }
        let made = try Storage(byteCount: bytes)
        buffers.append(made)
        return made
    }

    /// Runs `primitive` on memory at the given addresses. The caller keeps that memory alive.
    /// - Parameter keeping: whether the primitive will run again, so that what it was bound to is worth keeping.
    package func execute(
        _ primitive: Primitive, _ arguments: [(Int32, UnsafeMutableRawPointer)], keeping: Bool = true
    ) throws {
        let binding =
            keeping
            ? try bound.value(ObjectIdentifier(primitive)) { try BoundPrimitive(primitive) }
            : try BoundPrimitive(primitive)
        if primitive.scratchpadBytes > 0 {
            if (scratchpad?.byteCount ?? 0) < primitive.scratchpadBytes {
                scratchpad = nil
                scratchpad = try Storage(byteCount: primitive.scratchpadBytes)
            }
            if let scratchpad { try binding.set(DNNL_ARG_SCRATCHPAD, scratchpad.bytes) }
        }
        for (argument, address) in arguments { try binding.set(argument, address) }
        try OneDNN.check(
            dnnl_primitive_execute(primitive.handle, stream, Int32(binding.arguments.count), binding.arguments),
            primitive.name)
        try OneDNN.check(dnnl_stream_wait(stream), primitive.name)
    }
}

/// A primitive with the memory objects of one execution. It keeps the primitive alive, so that its identity stays unique.
private final class BoundPrimitive {
    let primitive: Primitive
    private(set) var arguments: [dnnl_exec_arg_t] = []

    init(_ primitive: Primitive) throws {
        self.primitive = primitive
        let engine = try OneDNN.engine()
        for (argument, description) in primitive.descriptions {
            var description = description
            let memory: dnnl_memory_t = try OneDNN.handle(primitive.name) {
                dnnl_memory_create(&$0, &description, engine, nil)
            }
            arguments.append(dnnl_exec_arg_t(arg: argument, memory: memory))
        }
    }

    deinit { for argument in arguments { dnnl_memory_destroy(argument.memory) } }

    func set(_ argument: Int32, _ address: UnsafeMutableRawPointer) throws {
        for index in arguments.indices where arguments[index].arg == argument {
            try OneDNN.check(dnnl_memory_set_data_handle(arguments[index].memory, address), primitive.name)
            return
        }
    }
}
