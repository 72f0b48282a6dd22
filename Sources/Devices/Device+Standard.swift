import Engine
import EngineCPU
import Files
import Identity

extension Device {
    /// The processor.
    public static let cpu = Device(.cpu) { try CPUExecutor(dtype: $0) }

    /// The devices that the program knows, by the names of their kinds. Another one is a line here.
    public static let known = Registry("device", [cpu].map { (name: $0.kind.rawValue, entry: $0) })

    /// The device of every model that is opened without another one.
    public static let standard = cpu
}
