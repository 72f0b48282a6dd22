import Engine
import EngineCPU
import Identity
import Threading

/// Makes the recorders of one training, a step each, which take the same memory one after the other.
public final class Recorders {
    private let execution: CPUExecution

    fileprivate init(_ execution: CPUExecution) { self.execution = execution }

    /// A recorder for one step; see `Recorder.init`.
    public func recorder(
        _ parameters: ParameterSet, isTraining: Bool = true, isCheckpointing: Bool = false,
        dropoutSeed: UInt64? = nil, isRecording: Bool = true
    ) throws -> Recorder {
        try Recorder(
            parameters, execution: execution, isTraining: isTraining, isCheckpointing: isCheckpointing,
            dropoutSeed: dropoutSeed, isRecording: isRecording)
    }
}

extension Device {
    /// What records the steps of a training on this device, in f32.
    /// - Throws: `EngineError.unsupported` for a device that records no gradients: all but the processor.
    public func recorders() throws -> Recorders {
        guard kind == .cpu else {
            throw EngineError.unsupported(
                operation: "training",
                message: "the device \(kind.rawValue) does not train: open the model on \(DeviceKind.cpu.rawValue)")
        }
        return Recorders(try CPUExecution(dtype: .f32, threads: Parallel.threads))
    }
}
