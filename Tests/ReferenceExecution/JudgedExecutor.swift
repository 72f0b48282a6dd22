import Devices
import Engine
import EngineCPU
import Identity
import Tensors

/// An executor that operations and networks are judged on.
public struct JudgedExecutor: Sendable {
    /// What tests call it.
    public let name: String
    private let maker: @Sendable (DType) throws -> any Executor

    /// One that is made for a dtype.
    public init(_ name: String, _ make: @escaping @Sendable (_ dtype: DType) throws -> any Executor) {
        self.name = name
        maker = make
    }

    /// One for a computation.
    public func make(_ dtype: DType) throws -> any Executor { try maker(dtype) }

    /// All of them: the processor's ways, and every other device that the program knows. One that is not in `Devices` is a line here.
    public static let all: [JudgedExecutor] =
        [
            JudgedExecutor("processor, a thread") { try ProcessorWay($0, threads: 1) },
            JudgedExecutor("processor, two threads") { try ProcessorWay($0, threads: 2) },
            JudgedExecutor("processor, oneDNN's products") { try ProcessorWay($0, threads: 2, usesOwnProducts: false) },
        ]
        + Device.known.all.filter { $0.kind != .cpu }.map { device in
            JudgedExecutor(device.kind.rawValue) { try device.executor(dtype: $0) }
        }
}

/// The processor with so many threads in an operation, on any machine, and with or without our own products.
private final class ProcessorWay: Executor {
    let deviceKind = DeviceKind.cpu
    private let execution: CPUExecution

    init(_ dtype: DType, threads: Int, usesOwnProducts: Bool = true) throws {
        execution = try CPUExecution(
            dtype: dtype, threads: threads, Prepared(usesOwnProducts: usesOwnProducts))
    }

    var dtype: DType { execution.dtype }
    func map(
        _ count: Int, _ schedule: Schedule, _ body: @escaping (CPUExecution, Range<Int>) throws -> [Tensor]
    ) throws -> [Tensor] {
        try run { try body($0, 0..<count) }
    }
    func run<Result>(_ body: (CPUExecution) throws -> Result) throws -> Result {
        try execution.run { try body(execution) }
    }
    func releaseActivations() {}
    func releaseMemory() {}
    func forget() {}
}
