import COneDNN
import Engine
import Foundation
import Tensors

/// What an executor made of the layers that ran on it: operations by their sizes, and weights in the layouts that these want.
/// The layers themselves hold parameters and sizes only.
///
/// Operations are shared by all layers of the same sizes, and the oldest are forgotten; a layer's weights are held once.
package final class Prepared {
    /// The most operations that are kept; the largest networks here use about 300.
    package static let primitiveCapacity = 1024

    /// Operations by all that their code depends on.
    package let primitives = RecentCache<PrimitiveKey, Primitive>(capacity: primitiveCapacity)
    /// The layouts of linear layers' weights by their sizes.
    let layouts = RecentCache<LinearShape.LayoutKey, dnnl_memory_desc_t>(capacity: primitiveCapacity)
    private var weights: [WeightKey: Entry<PackedWeights>] = [:]
    private var values: [ValueKey: Entry<Tensor>] = [:]
    private var tables: [TableKey: Entry<Tensor>] = [:]
    private let lock = NSRecursiveLock()
    private var stream: WeightStream<WeightKey>?
    /// Whether weights were packed since the heap was trimmed; nil once it was.
    private var hasPacked: Bool? = false

    /// Whether our own products are taken where the processor has the instructions for them. Tests ask for the others as well,
    /// which stay for other processors.
    let usesOwnProducts: Bool

    package init(usesOwnProducts: Bool = true) { self.usesOwnProducts = usesOwnProducts }

    /// Gives the memory of what came and went while a network's weights were packed back to the system, once: training packs
    /// them at each step.
    func settle() {
        let isDue = lock.withLock {
            defer { if hasPacked == true { hasPacked = nil } }
            return hasPacked == true
        }
        if isDue { Storage.trimHeap() }
    }

    /// How a layer's weights are used; each use has a layout of its own.
    enum Form: Hashable { case plain, winograd, panels }

    private struct WeightKey: Hashable {
        var layer: ObjectIdentifier
        var form: Form
        var scale: ObjectIdentifier?
    }
    private struct ValueKey: Hashable {
        var parameter: ObjectIdentifier
        var kind: ValueKind
    }
    private struct TableKey: Hashable {
        var owner: ObjectIdentifier
        var key: [Int]
    }
    /// A value and whom it belongs to: the owner is kept alive, so that its identity stays unique.
    private struct Entry<Value> {
        var owner: AnyObject
        var value: Value
    }

    /// A layer's weights in the layout `wanted`, packed at the first call. Where another size of images wants another
    /// layout, these take the place of the former ones, which `make` is given.
    /// - Parameter block: the block that the layer belongs to.
    func weights(
        _ layer: AnyObject, _ form: Form = .plain, scale: LayerScale? = nil, in wanted: dnnl_memory_desc_t,
        of block: AnyObject?, _ make: (_ former: PackedWeights?) throws -> PackedWeights
    ) throws -> PackedWeights {
        lock.lock()
        defer { lock.unlock() }
        let key = WeightKey(
            layer: ObjectIdentifier(layer), form: form, scale: scale.map { ObjectIdentifier($0) })
        let former = weights[key]?.value
        if let former, former.isIn(wanted) { return former }
        let made = try make(former)
        if hasPacked == false { hasPacked = true }
        weights[key] = Entry(owner: layer, value: made)
        if let block { stream?.note(key, in: block) }
        return made
    }

    /// Whether what was packed for a block is let go behind it.
    var isStreaming: Bool {
        get { lock.withLock { stream != nil } }
        set {
            lock.withLock {
                guard newValue != (stream != nil) else { return }
                stream = newValue ? WeightStream() : nil
                weights = [:]
            }
        }
    }

    /// A pass enters a block, behind another.
    func enter(_ block: AnyObject, after former: AnyObject?) { lock.withLock { stream?.enter(block, after: former) } }

    /// A pass leaves a block: its weights are let go, unless another pass is inside.
    func leave(_ block: AnyObject) {
        lock.withLock {
            let gone = (stream?.leave(block) ?? []).compactMap { weights.removeValue(forKey: $0)?.value.storage }
            if !gone.isEmpty { stream?.keep(gone) }
        }
    }

    /// Memory for packed weights.
    func buffer(_ bytes: Int) throws -> Storage {
        try lock.withLock { stream?.buffer(bytes) } ?? Storage(byteCount: bytes)
    }

    /// Notes that parameters were packed: their memory is given back, but they keep a value that is asked for again.
    func took(_ parameters: [Parameter], of block: AnyObject?) {
        lock.withLock {
            for parameter in parameters {
                guard let stream else {
                    parameter.taken()
                    continue
                }
                parameter.dropPages()
                if let block { stream.note(parameter, in: block) }
            }
        }
    }

    /// What numbers a layer wants of a parameter.
    enum ValueKind: Hashable {
        case itself
        /// 1 + x.
        case plusOne
        /// 1 / √(x + ε).
        case inverseDeviation
        /// Its rows, wherever they lie.
        case lookup
    }

    /// A parameter whose rows are looked up, f32 or bf16: where it lies in a mapped file, or else a copy.
    func lookup(_ owner: Parameter) throws -> Tensor {
        lock.lock()
        defer { lock.unlock() }
        let key = ValueKey(parameter: ObjectIdentifier(owner), kind: .lookup)
        if let found = values[key] { return found.value }
        let value = try owner.value()
        let isReadable = (value.dtype == .f32 || value.dtype == .bf16) && value.isContiguous
        let made = isReadable ? value : try Tensor(owner.floats(), shape: owner.shape)
        values[key] = Entry(owner: owner, value: made)
        return made
    }

    /// Numbers f32 of a parameter's shape, with room for a vector of sixteen behind them.
    func values(
        _ owner: Parameter, _ kind: ValueKind = .itself, _ change: (Float) -> Float = { $0 }
    ) throws -> Tensor {
        lock.lock()
        defer { lock.unlock() }
        let key = ValueKey(parameter: ObjectIdentifier(owner), kind: kind)
        if let found = values[key] { return found.value }
        let numbers = kind == .itself ? try owner.floats() : try owner.floats().map(change)
        let made = try Tensor(
            storage: Tensor(numbers + [Float](repeating: 0, count: 16), shape: [numbers.count + 16]).storage,
            dtype: .f32, shape: owner.shape, strides: Tensor.contiguousStrides(owner.shape), offset: 0)
        values[key] = Entry(owner: owner, value: made)
        return made
    }

    /// A table, made once for its owner and key.
    func table(_ owner: AnyObject, _ key: [Int], _ make: () throws -> Tensor) throws -> Tensor {
        lock.lock()
        defer { lock.unlock() }
        let place = TableKey(owner: ObjectIdentifier(owner), key: key)
        if let found = tables[place] { return found.value }
        let made = try make()
        // Sizes of images come and go: a few tables of each owner are enough.
        let own = tables.keys.filter { $0.owner == place.owner }
        if own.count >= 8 { for key in own { tables[key] = nil } }
        tables[place] = Entry(owner: owner, value: made)
        return made
    }

    /// Lets large forms of weights go that the next pass makes again.
    package func releaseWinograd() {
        lock.withLock {
            weights = weights.filter { $0.key.form != .winograd }
            stream?.keep([])
        }
    }

    /// Forgets all that came of weights.
    func forget() {
        lock.withLock {
            weights = [:]
            values = [:]
            tables = [:]
            stream?.keep([])
        }
    }

    /// Forgets all that came of one layer or parameter.
    package func forget(_ layer: AnyObject) {
        let gone = ObjectIdentifier(layer)
        lock.withLock {
            weights = weights.filter { $0.key.layer != gone }
            values = values.filter { $0.key.parameter != gone }
        }
    }

    /// How many layers' weights are held.
    package var weightCount: Int { lock.withLock { weights.count } }
}

/// A layer's weights in the layout of an operation, and its biases.
final class PackedWeights {
    private var description: dnnl_memory_desc_t
    /// Where the weights lie.
    let storage: Storage
    /// f32 `[outputs]`.
    let bias: Tensor

    /// Weights from row-major values at an address.
    private init(
        _ wanted: dnnl_memory_desc_t, at source: UnsafeMutableRawPointer, _ dtype: DType, bias: [Float],
        _ execution: CPUExecution
    ) throws {
        description = wanted
        storage = try execution.prepared.buffer(dnnl_memory_desc_get_size(&description))
        self.bias = try Tensor(bias, shape: [bias.count])
        let sizes = OneDNN.sizes(wanted)
        let plain = try OneDNN.description(sizes, strides: Tensor.contiguousStrides(sizes), dtype, "weights")
        let reorder = try Primitive("weights", reorder: plain, to: wanted)
        try execution.execute(reorder, [(DNNL_ARG_SRC, source), (DNNL_ARG_DST, storage.bytes)], keeping: false)
    }

    /// Weights from where a parameter's value lies, without a copy on the way.
    static func packed(
        _ wanted: dnnl_memory_desc_t, from source: Tensor, bias: [Float], _ execution: CPUExecution
    ) throws -> PackedWeights {
        try withExtendedLifetime(source) {
            try PackedWeights(wanted, at: source.pointer, source.dtype, bias: bias, execution)
        }
    }

    /// Weights from floats that were made for them.
    static func packed(
        _ wanted: dnnl_memory_desc_t, from values: [Float], bias: [Float], _ execution: CPUExecution
    ) throws -> PackedWeights {
        try values.withUnsafeBytes { source in
            guard let base = source.baseAddress else {
                throw TensorError.shape(operation: "weights", message: "there are none")
            }
            return try PackedWeights(
                wanted, at: UnsafeMutableRawPointer(mutating: base), .f32, bias: bias, execution)
        }
    }

    /// Multiplies a factor for each output into its row of weights and its bias.
    static func scaleRows(_ values: inout [Float], _ biases: inout [Float], by factors: [Float]) {
        let each = factors.isEmpty ? 0 : values.count / factors.count
        for (output, factor) in factors.enumerated() {
            for index in output * each..<(output + 1) * each { values[index] *= factor }
            biases[output] *= factor
        }
    }

    /// The same weights in another layout.
    init(_ wanted: dnnl_memory_desc_t, moving former: PackedWeights, _ execution: CPUExecution) throws {
        description = wanted
        storage = try execution.prepared.buffer(dnnl_memory_desc_get_size(&description))
        bias = former.bias
        let reorder = try Primitive("weights", reorder: former.description, to: wanted)
        try execution.execute(
            reorder, [(DNNL_ARG_SRC, former.storage.bytes), (DNNL_ARG_DST, storage.bytes)], keeping: false)
    }

    /// Whether the weights lie in a layout.
    func isIn(_ other: dnnl_memory_desc_t) -> Bool {
        var (own, other) = (description, other)
        return dnnl_memory_desc_equal(&own, &other) != 0
    }
}

/// All that an operation's code depends on. Threads count, because oneDNN cuts the work among them when it makes the code.
package enum PrimitiveKey: Hashable {
    case linear(LinearShape)
    case convolution(ConvolutionShape)
    case stripe(StripeShape)
    case attention(AttentionShape)
}
