import Tensors

/// A value of an execution: sizes and dtype are known everywhere, the elements lie where the executor keeps them.
public protocol ExecutionValue {
    /// The sizes of the dimensions, outermost first.
    var shape: [Int] { get }
    /// The type of the elements: f32 or bf16 for activations.
    var dtype: DType { get }
}

/// The one door to a device. A network is written once against it: it then runs on a processor by fused operations, on a
/// recorder for its gradients, on a device with memory of its own, and on plain loops in tests.
///
/// Images are `[N, H, W, C]` and tokens `[N, T, C]`, the same memory: no operation changes a layout. Operations take f32 and
/// values in the execution's dtype alike; products convert their operands. They throw `TensorError.shape` or `.dtype` where
/// operands do not fit, and `EngineError.unsupported` where the executor has no way to do what is asked.
public protocol Execution: AnyObject {
    /// An activation, wherever its memory is.
    associatedtype Value: ExecutionValue
    /// Keys and values of an attention's earlier tokens.
    associatedtype Cache: AttentionCache

    /// The dtype of activations: f32 or bf16. Sums, statistics and softmax are f32 at the least.
    var dtype: DType { get }

    // MARK: Between the host and the device

    /// A tensor as a value, in its own dtype.
    func value(_ tensor: Tensor) throws -> Value
    /// A value as a tensor of the host, in its own dtype. The tensor must not be written to.
    func tensor(_ value: Value) throws -> Tensor
    /// A parameter as a value, f32 in its own shape; kept for the next pass.
    func parameter(_ parameter: Parameter) throws -> Value
    /// A table f32 that follows from the sizes at hand alone, such as cosines of places: made once for its key and kept.
    /// - Parameter owner: whose table it is; it is kept alive.
    func table(_ owner: AnyObject, _ key: [Int], _ make: () throws -> Tensor) throws -> Value
    /// Pixels u8 `[N, H, W, C]` as numbers, in the execution's dtype.
    func pixels(_ images: Value, _ table: PixelTable) throws -> Value

    // MARK: Products

    /// W x + b: `[…, outputs]` for `[…, inputs]`.
    func linear(_ layer: Linear, _ x: Value, _ epilogue: Epilogue<Value>) throws -> Value
    /// Images `[N, H', W', outputs]` for `[N, H, W, inputs]`, with the layer's batch normalisation before the epilogue.
    func convolution(
        _ layer: Convolution2D, _ x: Value, _ prologue: Prologue, _ epilogue: Epilogue<Value>
    ) throws -> Value
    /// Pooling of `convolution`'s results, which an executor may take while they are at hand.
    func pooled(_ pooling: Pooling, _ layer: Convolution2D, _ x: Value, _ activation: Activation) throws -> Value
    /// Attention of queries `[N, T, C]` to keys and values `[N, S, keyChannels]`, in the execution's dtype.
    /// - Parameter cache: the keys and values of earlier calls, to which these are added; the queries see them all.
    func attention(
        _ layer: Attention, query: Value, key: Value, value: Value, mask: Mask<Value>, cache: Cache?
    ) throws -> Value
    /// Linear attention of queries `[N, T, C]` to keys and values `[N, S, C]`, in the execution's dtype.
    func linearAttention(_ layer: LinearAttention, query: Value, key: Value, value: Value) throws -> Value
    /// An empty cache for the keys and values of one layer.
    func cache() throws -> Cache
    /// Vectors `[…, channels]` in the execution's dtype for ids i64 `[…]`, counted from 0.
    /// - Throws: `TensorError.index` for an id outside the table.
    func embedding(_ layer: Embedding, _ ids: Tensor) throws -> Value

    // MARK: Normalisations

    /// Layer normalisation of `[…, channels]`.
    func norm(_ layer: LayerNorm, _ x: Value, _ epilogue: Epilogue<Value>) throws -> Value
    /// Root-mean-square normalisation of `[…, n · channels]`.
    func norm(_ layer: RMSNorm, _ x: Value, _ epilogue: Epilogue<Value>) throws -> Value
    /// Group normalisation of `[N, …, channels]`.
    func norm(_ layer: GroupNorm, _ x: Value, _ epilogue: Epilogue<Value>) throws -> Value
    /// Batch normalisation of `[N, …, channels]` that no convolution comes before.
    func norm(_ layer: BatchNorm2D, _ x: Value, _ epilogue: Epilogue<Value>) throws -> Value

    // MARK: One value at a time

    /// An activation of each value, in the value's dtype.
    func activation(_ kind: Activation, _ x: Value) throws -> Value
    /// A gated unit of two branches of one shape, in the execution's dtype. Without `b` the halves of the last dimension of
    /// `a` are the branches: `[…, C]` for `[…, 2 C]`.
    func gate(_ unit: GatedUnit, _ a: Value, _ b: Value?) throws -> Value
    /// x · (1 + scale) + shift with factors and summands `[1 or N, C]` for all places of an image (adaLN, Peebles and Xie,
    /// 2023), in the execution's dtype.
    func modulate(_ x: Value, scale: Value, shift: Value) throws -> Value
    /// a + b in the dtype `result`; nil is that of `a`. Where `b` is `[1, …]` or lacks the first dimension, it is added to each
    /// image.
    func add(_ a: Value, _ b: Value, result: DType?) throws -> Value
    /// x · factor + summand, in the value's dtype.
    func affine(_ x: Value, factor: Float, summand: Float) throws -> Value
    /// Turns the heads of `[N, T, n · headSize]` by a table f32 `[T, rotated]` of `Rotary`, in the value's dtype.
    func rotary(_ layer: Rotary, _ x: Value, table: Value) throws -> Value
    /// The values in another of f32 and bf16.
    func convert(_ x: Value, _ dtype: DType) throws -> Value

    // MARK: Images and tokens

    /// Pooling of images, in their dtype.
    func pool(_ layer: Pooling, _ x: Value) throws -> Value
    /// The mean over all pixels, f32 `[N, C]` for `[N, H, W, C]`.
    func globalAverage(_ x: Value) throws -> Value
    /// Images enlarged to `height` × `width`, each pixel to its nearest neighbours, as PyTorch's `interpolate` chooses them.
    func upsample(_ x: Value, height: Int, width: Int) throws -> Value
    /// Tokens `[N, T, size² C / run]` of images `[N, H, W, C]`.
    func patchify(_ patches: Patches, _ x: Value) throws -> Value
    /// The images `[N, height, width, C]` of tokens.
    func unpatchify(_ patches: Patches, _ x: Value, height: Int, width: Int) throws -> Value
    /// Values side by side along `axis`, the last dimension or the one behind the first; a value `[1, …]` is repeated for
    /// each image. They come in the dtype of the first.
    func concatenate(_ parts: [Value], axis: Int) throws -> Value
    /// A part of a dimension.
    func narrow(_ x: Value, axis: Int, _ range: Range<Int>) throws -> Value
    /// The same values in another shape of as many.
    func reshape(_ x: Value, _ shape: [Int]) throws -> Value

    // MARK: Scheduling

    /// Runs a part of a network on pieces of values along their first dimension, as large as the device likes, and puts the
    /// results on top of each other. A recorder, and a device that wants large operations, take all at once.
    /// - Parameters:
    ///   - inputs: values of one first dimension.
    ///   - unit: what a processor takes at a time.
    ///   - body: gives for pieces of n rows a value of n rows; it must not look at other rows.
    func each(_ inputs: [Value], by unit: WorkUnit, _ body: ([Value]) throws -> Value) throws -> Value

    /// Runs a block of a network, whose weights no other block uses, unless a stop was requested. An executor that streams weights
    /// holds those of few blocks at a time.
    /// - Parameter owner: the block, the same in every pass.
    func block<Result>(_ owner: AnyObject, _ body: () throws -> Result) throws -> Result

    /// The same for a block that reads one value, and beside it only what has no gradient. A recorder may keep that value alone, and
    /// run the body again on the way back.
    func block(_ owner: AnyObject, of x: Value, _ body: @escaping (Value) throws -> Value) throws -> Value
}

/// A piece of work that a processor takes at a time, so that what lies between its operations stays in the cache.
public enum WorkUnit: Hashable, Sendable {
    /// One image.
    case image
    /// As many rows as fit in the cache, each of which needs these many bytes.
    case rows(bytes: Int)
}

extension Execution {
    /// All weights are held.
    public func block<Result>(_ owner: AnyObject, _ body: () throws -> Result) throws -> Result {
        try Cancellation.check()
        return try body()
    }

    /// Run once.
    public func block(
        _ owner: AnyObject, of x: Value, _ body: @escaping (Value) throws -> Value
    ) throws -> Value {
        try block(owner) { try body(x) }
    }

    /// `linear` with nothing behind it.
    public func linear(_ layer: Linear, _ x: Value) throws -> Value { try linear(layer, x, Epilogue()) }

    /// `convolution` with nothing before it.
    public func convolution(
        _ layer: Convolution2D, _ x: Value, _ epilogue: Epilogue<Value> = Epilogue()
    ) throws -> Value {
        try convolution(layer, x, Prologue(), epilogue)
    }

    /// One after the other.
    public func pooled(
        _ pooling: Pooling, _ layer: Convolution2D, _ x: Value, _ activation: Activation
    ) throws -> Value {
        try pool(pooling, convolution(layer, x, Epilogue(activation: activation)))
    }

    /// `attention` without a cache.
    public func attention(
        _ layer: Attention, query: Value, key: Value, value: Value, mask: Mask<Value> = .none
    ) throws -> Value {
        try attention(layer, query: query, key: key, value: value, mask: mask, cache: nil)
    }

    /// `norm` with nothing behind it.
    public func norm(_ layer: LayerNorm, _ x: Value) throws -> Value { try norm(layer, x, Epilogue()) }
    /// `norm` with nothing behind it.
    public func norm(_ layer: RMSNorm, _ x: Value) throws -> Value { try norm(layer, x, Epilogue()) }
    /// `norm` with nothing behind it.
    public func norm(_ layer: GroupNorm, _ x: Value) throws -> Value { try norm(layer, x, Epilogue()) }
    /// `norm` with nothing behind it.
    public func norm(_ layer: BatchNorm2D, _ x: Value) throws -> Value { try norm(layer, x, Epilogue()) }

    /// `gate` of the halves of the last dimension.
    public func gate(_ unit: GatedUnit, _ x: Value) throws -> Value { try gate(unit, x, nil) }
    /// a + b in the dtype of `a`.
    public func add(_ a: Value, _ b: Value) throws -> Value { try add(a, b, result: nil) }
    /// Images or tokens side by side in their channels.
    public func concatenate(_ parts: [Value]) throws -> Value {
        try concatenate(parts, axis: max(0, (parts.first?.shape.count ?? 1) - 1))
    }
}
