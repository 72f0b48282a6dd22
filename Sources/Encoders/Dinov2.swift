import NetKernels
import NeuralNet
import Tensors

/// A DINOv2 vision transformer, as transformers' `Dinov2Model` computes it. The residual stream is f32 in both dtypes.
public final class Dinov2Network {
    /// The sizes.
    public let configuration: Dinov2Configuration
    /// Every parameter, under the names of the files on the Hub.
    public let parameters: ParameterScope
    private let clsToken: Parameter
    private let positions: Parameter
    private let projection: Convolution2D
    private let layers: [Dinov2Layer]
    private let norm: LayerNorm
    private let positionTables = OnceCache<[Int], [Float]>()

    /// The network without weights; fill `parameters` before the first pass.
    public init(_ configuration: Dinov2Configuration) throws {
        let scope = ParameterScope()
        let embeddings = scope["embeddings"]
        let width = configuration.hiddenSize
        let patch = configuration.patchSize
        self.configuration = configuration
        parameters = scope
        clsToken = embeddings.parameter("cls_token", [1, 1, width])
        positions = embeddings.parameter(
            "position_embeddings", [1, configuration.grid * configuration.grid + 1, width])
        projection = Convolution2D(
            embeddings["patch_embeddings"]["projection"], inputs: 3, outputs: width, kernel: (patch, patch),
            stride: (patch, patch))
        layers = try (0..<configuration.layers).map {
            try Dinov2Layer(scope["encoder"]["layer"][$0], configuration)
        }
        norm = LayerNorm(scope["layernorm"], channels: width, epsilon: configuration.layerNormEpsilon)
    }

    /// The final normalised class token, f32 `[N, C]`, of normalised pixels `[N, H, W, 3]` in the context's dtype:
    /// transformers' `pooler_output`. Of the last layer, only what this token needs is computed.
    public func pooled(_ pixels: Tensor, _ context: Context) throws -> Tensor {
        var x = try embed(pixels, context)
        for layer in layers.dropLast() { x = try layer.forward(x, context) }
        if let last = layers.last { x = try last.forwardFirstToken(x, context) }
        return try norm.forward(x, result: .f32, context).reshapedRows()
    }

    /// Every final normalised token, f32 `[N, T, C]`: transformers' `last_hidden_state`.
    public func tokens(_ pixels: Tensor, _ context: Context) throws -> Tensor {
        var x = try embed(pixels, context)
        for layer in layers { x = try layer.forward(x, context) }
        return try norm.forward(x, result: .f32, context)
    }

    /// Patches and the class token with their positions, f32 `[N, T, C]`.
    private func embed(_ pixels: Tensor, _ context: Context) throws -> Tensor {
        let patches = try context.converted(projection.forward(pixels, context), .f32)
        let (images, rows, columns) = (patches.shape[0], patches.shape[1], patches.shape[2])
        let width = configuration.hiddenSize
        let square = pixels.shape[1] == pixels.shape[2]
        let table = try positionTables.value([rows, columns, square ? 1 : 0]) {
            try positionTable(rows, columns, square)
        }
        let count = rows * columns
        let result = try context.tensor([images, count + 1, width], .f32)
        let cls = try clsToken.floats()
        for image in 0..<images {
            let target = result.pointer + image * (count + 1) * width * 4
            table.withUnsafeBytes { table in
                cls.withUnsafeBytes { cls in
                    guard let table = table.baseAddress, let cls = cls.baseAddress else { return }
                    NetConversion.add(cls, table, target, .f32, count: width)
                    NetConversion.add(
                        patches.pointer + image * count * width * 4, table + width * 4, target + width * 4, .f32,
                        count: count * width)
                }
            }
        }
        return result
    }

    /// Position embeddings for a grid of patches: those of the file where it is theirs, else resized bicubically.
    private func positionTable(_ rows: Int, _ columns: Int, _ square: Bool) throws -> [Float] {
        let values = try positions.floats()
        let grid = configuration.grid
        if rows * columns == grid * grid && square { return values }
        let width = configuration.hiddenSize
        return Array(values.prefix(width))
            + PositionResize.bicubic(
                Array(values.dropFirst(width)), side: grid, channels: width, rows: rows, columns: columns)
    }
}

extension Tensor {
    /// `[N, 1, C]` as `[N, C]`.
    fileprivate func reshapedRows() throws -> Tensor {
        let rows = [shape[0], shape[shape.count - 1]]
        return try Tensor(
            storage: storage, dtype: dtype, shape: rows, strides: Tensor.contiguousStrides(rows), offset: offset)
    }
}

/// A transformer layer of DINOv2: attention and a feed-forward part, each normalised before and scaled after.
private final class Dinov2Layer: Module {
    private let width: Int
    private let norm1: LayerNorm
    private let norm2: LayerNorm
    private let query: Linear
    private let key: Linear
    private let value: Linear
    private let attention: ScaledDotProductAttention
    private let output: Linear
    private let expand: Linear
    private let shrink: Linear
    private let isGated: Bool

    init(_ scope: ParameterScope, _ configuration: Dinov2Configuration) throws {
        let width = configuration.hiddenSize
        self.width = width
        norm1 = LayerNorm(scope["norm1"], channels: width, epsilon: configuration.layerNormEpsilon)
        norm2 = LayerNorm(scope["norm2"], channels: width, epsilon: configuration.layerNormEpsilon)
        let projections = scope["attention"]["attention"]
        func projection(_ name: String) -> Linear {
            Linear(projections[name], inputs: width, outputs: width, hasBias: configuration.qkvBias)
        }
        query = projection("query")
        key = projection("key")
        value = projection("value")
        attention = try ScaledDotProductAttention("attention", channels: width, heads: configuration.heads)
        output = Linear(
            scope["attention"]["output"]["dense"], inputs: width, outputs: width,
            outputScale: LayerScale(scope["layer_scale1"], channels: width), result: .f32)
        let scale = LayerScale(scope["layer_scale2"], channels: width)
        let mlp = scope["mlp"]
        isGated = configuration.usesSwiGLU
        if isGated {
            let hidden = (configuration.mlpSize * 2 / 3 + 7) / 8 * 8
            expand = Linear(mlp["weights_in"], inputs: width, outputs: 2 * hidden)
            shrink = Linear(mlp["weights_out"], inputs: hidden, outputs: width, outputScale: scale, result: .f32)
        } else {
            let hidden = configuration.mlpSize
            expand = Linear(mlp["fc1"], inputs: width, outputs: hidden, activation: configuration.activation)
            shrink = Linear(mlp["fc2"], inputs: hidden, outputs: width, outputScale: scale, result: .f32)
        }
    }

    /// `[N, T, C]` for `[N, T, C]`, f32.
    func forward(_ x: Tensor, _ context: Context) throws -> Tensor {
        let normalised = try norm1.forward(x, context)
        let attended = try attention.forward(
            query: query.forward(normalised, context), key: key.forward(normalised, context),
            value: value.forward(normalised, context), context)
        return try feedForward(output.forward(attended, addingTo: x, context), context)
    }

    /// The first token of `forward`'s result, `[N, 1, C]`.
    func forwardFirstToken(_ x: Tensor, _ context: Context) throws -> Tensor {
        let normalised = try norm1.forward(x, context)
        let attended = try attention.forward(
            query: query.forward(context.firstTokens(normalised), context), key: key.forward(normalised, context),
            value: value.forward(normalised, context), context)
        return try feedForward(output.forward(attended, addingTo: context.firstTokens(x), context), context)
    }

    private func feedForward(_ x: Tensor, _ context: Context) throws -> Tensor {
        var hidden = try expand.forward(norm2.forward(x, context), context)
        if isGated { hidden = try GatedActivation.silu(hidden, context) }
        return try shrink.forward(hidden, addingTo: x, context)
    }
}

extension Context {
    /// A copy of the first token of each image, `[N, 1, C]`, of `[N, T, C]`.
    fileprivate func firstTokens(_ x: Tensor) throws -> Tensor {
        let result = try tensor([x.shape[0], 1, x.shape[2]], x.dtype)
        let bytes = x.shape[2] * x.dtype.size
        NetConversion.copyRows(
            x.pointer, stride: x.shape[1] * bytes, result.pointer, stride: bytes, rows: x.shape[0], rowBytes: bytes)
        return result
    }
}

/// Resizes a grid of position embeddings as PyTorch's `interpolate(mode="bicubic", align_corners=False)` does: Keys'
/// kernel with a = -0.75, half-pixel centres, no antialiasing, neighbours clamped at the border.
enum PositionResize {
    static func bicubic(_ values: [Float], side: Int, channels: Int, rows: Int, columns: Int) -> [Float] {
        let vertical = taps(side, rows)
        let horizontal = taps(side, columns)
        var result = [Float](repeating: 0, count: rows * columns * channels)
        for (row, down) in vertical.enumerated() {
            for (column, across) in horizontal.enumerated() {
                let target = (row * columns + column) * channels
                for channel in 0..<channels {
                    var sum: Float = 0
                    for y in 0..<4 {
                        var line: Float = 0
                        for x in 0..<4 {
                            line +=
                                values[(down.index[y] * side + across.index[x]) * channels + channel] * across.weight[x]
                        }
                        sum += line * down.weight[y]
                    }
                    result[target + channel] = sum
                }
            }
        }
        return result
    }

    private static func taps(_ source: Int, _ target: Int) -> [(index: [Int], weight: [Float])] {
        let scale = Float(source) / Float(target)
        let a: Float = -0.75
        return (0..<target).map { position in
            let real = scale * (Float(position) + 0.5) - 0.5
            let low = real.rounded(.down)
            let part = real - low
            func near(_ x: Float) -> Float { ((a + 2) * x - (a + 3)) * x * x + 1 }
            func far(_ x: Float) -> Float { ((a * x - 5 * a) * x + 8 * a) * x - 4 * a }
            return (
                (0..<4).map { min(max(Int(low) - 1 + $0, 0), source - 1) },
                [far(part + 1), near(part), near(1 - part), far(2 - part)]
            )
        }
    }
}
