import Tensors

/// How a model computes: in which dtype, and on which device. What opens models hands it on as it stands.
public struct Compute: Sendable {
    /// The dtype of activations and packed weights: f32 or bf16.
    public let dtype: DType
    /// What networks run on.
    public let device: Device

    /// A dtype on a device.
    public init(_ dtype: DType, on device: Device) {
        self.dtype = dtype
        self.device = device
    }
}
