import Engine
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

    /// The final normalised class token, f32 `[N, C]`, of normalised pixels `[N, H, W, 3]`: transformers' `pooler_output`.
    /// Of the last layer, only what this token needs is computed.
    public func pooled<E: Execution>(_ pixels: E.Value, on execution: E) throws -> E.Value {
        var x = try embed(pixels, on: execution)
        for layer in layers.dropLast() { x = try layer.forward(x, on: execution) }
        if let last = layers.last { x = try last.forward(x, firstTokenOnly: true, on: execution) }
        let token = try execution.norm(norm, x, Epilogue(result: .f32))
        return try execution.reshape(token, [token.shape[0], configuration.hiddenSize])
    }

    /// Every final normalised token, f32 `[N, T, C]`: transformers' `last_hidden_state`.
    public func tokens<E: Execution>(_ pixels: E.Value, on execution: E) throws -> E.Value {
        var x = try embed(pixels, on: execution)
        for layer in layers { x = try layer.forward(x, on: execution) }
        return try execution.norm(norm, x, Epilogue(result: .f32))
    }

    /// The patches' states, f32 `[N, T, C]`, as they come out of all layers but the last `skipped` ones, not normalised and without
    /// the class token: timm's and transformers' `hidden_states[-1 - skipped]`.
    public func patches<E: Execution>(_ pixels: E.Value, skipping skipped: Int, on execution: E) throws -> E.Value {
        var x = try embed(pixels, on: execution)
        for layer in layers.dropLast(skipped) { x = try layer.forward(x, on: execution) }
        return try execution.narrow(execution.convert(x, .f32), axis: 1, 1..<x.shape[1])
    }

    /// The class token and patches with their positions, f32 `[N, T, C]`.
    private func embed<E: Execution>(_ pixels: E.Value, on execution: E) throws -> E.Value {
        let patches = try execution.convolution(projection, pixels)
        let (images, rows, columns) = (patches.shape[0], patches.shape[1], patches.shape[2])
        let tokens = try execution.reshape(patches, [images, rows * columns, configuration.hiddenSize])
        let all = try execution.concatenate([execution.parameter(clsToken), tokens], axis: 1)
        let isSquare = pixels.shape[1] == pixels.shape[2]
        return try execution.add(all, places(rows, columns, isSquare, on: execution))
    }

    /// Position embeddings `[1, T, C]` for a grid of patches: those of the file where it is theirs, else resized bicubically.
    private func places<E: Execution>(
        _ rows: Int, _ columns: Int, _ isSquare: Bool, on execution: E
    ) throws -> E.Value {
        let (grid, width) = (configuration.grid, configuration.hiddenSize)
        if rows * columns == grid * grid && isSquare { return try execution.parameter(positions) }
        return try execution.table(self, [rows, columns]) {
            let values = try positions.floats()
            let resized = PositionResize.bicubic(
                Array(values.dropFirst(width)), side: grid, channels: width, rows: rows, columns: columns)
            return try Tensor(values.prefix(width) + resized, shape: [1, rows * columns + 1, width])
        }
    }
}

/// A transformer layer of DINOv2: attention and a feed-forward part, each normalised before and scaled after.
private final class Dinov2Layer {
    private let norm1: LayerNorm
    private let norm2: LayerNorm
    private let query: Linear
    private let key: Linear
    private let value: Linear
    private let attention: Attention
    private let output: Linear
    private let scale1, scale2: LayerScale
    private let expand: Linear
    private let shrink: Linear
    private let isGated: Bool
    private let activation: Activation

    init(_ scope: ParameterScope, _ configuration: Dinov2Configuration) throws {
        let width = configuration.hiddenSize
        norm1 = LayerNorm(scope["norm1"], channels: width, epsilon: configuration.layerNormEpsilon)
        norm2 = LayerNorm(scope["norm2"], channels: width, epsilon: configuration.layerNormEpsilon)
        let projections = scope["attention"]["attention"]
        func projection(_ name: String) -> Linear {
            Linear(projections[name], inputs: width, outputs: width, hasBias: configuration.qkvBias)
        }
        query = projection("query")
        key = projection("key")
        value = projection("value")
        attention = try Attention(channels: width, heads: configuration.heads)
        output = Linear(scope["attention"]["output"]["dense"], inputs: width, outputs: width)
        scale1 = LayerScale(scope["layer_scale1"], channels: width)
        scale2 = LayerScale(scope["layer_scale2"], channels: width)
        let mlp = scope["mlp"]
        isGated = configuration.usesSwiGLU
        activation = isGated ? .none : configuration.activation
        if isGated {
            let hidden = (configuration.mlpSize * 2 / 3 + 7) / 8 * 8
            expand = Linear(mlp["weights_in"], inputs: width, outputs: 2 * hidden)
            shrink = Linear(mlp["weights_out"], inputs: hidden, outputs: width)
        } else {
            expand = Linear(mlp["fc1"], inputs: width, outputs: configuration.mlpSize)
            shrink = Linear(mlp["fc2"], inputs: configuration.mlpSize, outputs: width)
        }
    }

    /// `[N, T, C]` for `[N, T, C]`, f32, whose memory the result takes; or of the result the first token alone, `[N, 1, C]`.
    func forward<E: Execution>(_ x: E.Value, firstTokenOnly: Bool = false, on execution: E) throws -> E.Value {
        let normalised = try execution.norm(norm1, x)
        var (asking, stream) = (normalised, x)
        if firstTokenOnly {
            asking = try execution.narrow(normalised, axis: 1, 0..<1)
            stream = try execution.narrow(x, axis: 1, 0..<1)
        }
        let attended = try execution.attention(
            attention, query: execution.linear(query, asking), key: execution.linear(key, normalised),
            value: execution.linear(value, normalised))
        stream = try execution.linear(
            output, attended, Epilogue(scale: .learned(scale1), residual: .given(stream), result: .f32))
        var hidden = try execution.linear(expand, execution.norm(norm2, stream), Epilogue(activation: activation))
        if isGated { hidden = try execution.gate(.swiGLU, hidden) }
        return try execution.linear(
            shrink, hidden, Epilogue(scale: .learned(scale2), residual: .given(stream), result: .f32))
    }
}
