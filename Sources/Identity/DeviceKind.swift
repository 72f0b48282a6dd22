/// The kind of device that a network runs on. Results of one kind are comparable; those of two kinds differ in their last digits.
public enum DeviceKind: String, CaseIterable, Sendable {
    /// The processor.
    case cpu
}
