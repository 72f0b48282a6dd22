import Engine
import Tensors

/// The mean and the deviation of ImageNet's pixels, as torchvision's networks want them.
enum ImageNet {
    static let mean = [0.485, 0.456, 0.406]
    static let deviation = [0.229, 0.224, 0.225]

    /// Bytes u8 `[H, W, 3]` as fractions, less the mean and over the deviation, f32, rounded as torchvision rounds.
    static func normalised(_ bytes: Tensor) throws -> Tensor {
        let result = try Tensor(uninitialized: bytes.shape)
        let table = try PixelTable(mean: mean, deviation: deviation).values
        try bytes.contiguous().withElements(UInt8.self) { source in
            try result.withElements(Float.self) { target in
                for index in target.indices { target[index] = table[index % 3 * 256 + Int(source[index])] }
            }
        }
        return result
    }
}

extension PixelTable {
    /// Bytes over 255, as torchvision's `ToTensor` divides.
    static let fractions = PixelTable { Float($0) / 255 }
}
