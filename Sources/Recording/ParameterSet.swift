import COneDNN
import Engine
import EngineCPU
import Tensors

/// The parameters of a network that is trained, with their gradients and the state of the optimizer.
public final class ParameterSet {
    /// Every parameter, in the order of the network's declarations; of a network that stays as it is those beside it.
    public let parameters: [TrainedParameter]
    /// What is trained beside linear layers that stay as they are.
    public let adapters: [LowRankAdapter]
    private let byParameter: [ObjectIdentifier: TrainedParameter]
    /// Matrices that stay as they are, where and in the dtype that they lie in.
    private let frozen: [ObjectIdentifier: Parameter]
    private let adapterPlaces: [ObjectIdentifier: Int]
    /// Primitives of the layers, which outlive a step.
    let cache = RecentCache<AnyHashable, Any>(capacity: 4096)

    /// Takes the values of a network's parameters over: they are held here alone, and the network's parameters follow them.
    ///
    /// Names that end in `.running_mean` or `.running_var` are statistics: they have no gradient.
    /// - Throws: `EngineError.parameters` where a parameter has no value.
    public init(_ scope: ParameterScope) throws {
        var made: [TrainedParameter] = []
        var byParameter: [ObjectIdentifier: TrainedParameter] = [:]
        for parameter in scope.parameters {
            let trained = try TrainedParameter(parameter)
            parameter.follow { try trained.value() }
            made.append(trained)
            byParameter[ObjectIdentifier(parameter)] = trained
        }
        parameters = made
        self.byParameter = byParameter
        (adapters, frozen, adapterPlaces) = ([], [:], [:])
    }

    /// Adapters beside a network that stays as it is, and other networks that are trained whole.
    ///
    /// The network keeps its parameters: matrices are read where and in the dtype that they lie in, each when its layer runs, so that
    /// they are held once.
    /// - Parameters:
    ///   - network: the parameters that stay as they are.
    ///   - others: parameters that are taken over, as by the other `init`.
    /// - Throws: `EngineError.parameters` where a parameter has no value.
    public init(
        frozen network: ParameterScope, adapters: [LowRankAdapter], others: [ParameterScope] = []
    ) throws {
        var byParameter: [ObjectIdentifier: TrainedParameter] = [:]
        var made: [TrainedParameter] = adapters.flatMap { [$0.down, $0.up] }
        for parameter in others.flatMap(\.parameters) {
            let trained = try TrainedParameter(parameter)
            parameter.follow { try trained.value() }
            made.append(trained)
            byParameter[ObjectIdentifier(parameter)] = trained
        }
        var frozen: [ObjectIdentifier: Parameter] = [:]
        for parameter in network.parameters {
            if parameter.shape.count > 1 {
                frozen[ObjectIdentifier(parameter)] = parameter
            } else {
                let fixed = try TrainedParameter(parameter)
                fixed.isTrained = false
                byParameter[ObjectIdentifier(parameter)] = fixed
            }
        }
        parameters = made
        self.adapters = adapters
        self.byParameter = byParameter
        self.frozen = frozen
        adapterPlaces = Dictionary(
            adapters.enumerated().map { (ObjectIdentifier($1.weight), $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The adapter beside a layer's weight, and its number.
    func adapter(beside weight: Parameter) -> (adapter: LowRankAdapter, number: Int)? {
        adapterPlaces[ObjectIdentifier(weight)].map { (adapters[$0], $0) }
    }

    /// Whether a parameter is a matrix that stays as it is.
    func isFrozen(_ parameter: Parameter) -> Bool { frozen[ObjectIdentifier(parameter)] != nil }

    /// The parameters that an optimizer changes.
    public var trained: [TrainedParameter] { parameters.filter(\.isTrained) }

    /// Forgets all gradients; their memory is kept.
    public func zeroGradients() {
        for parameter in parameters { parameter.hasGradient = false }
    }

    /// Copies of all values, row-major, by name.
    public func values() throws -> [(name: String, tensor: Tensor)] {
        try parameters.map { ($0.name, try $0.value()) }
    }

    /// The trained values of a layer's parameter.
    func trained(_ parameter: Parameter) throws -> TrainedParameter {
        guard let found = byParameter[ObjectIdentifier(parameter)] else {
            throw EngineError.parameters(message: "\(parameter.name): not one of the parameters that are trained")
        }
        return found
    }
}

/// One parameter in training. Its values, gradient and optimizer state lie in the layout that the layer's primitive
/// asks for, so that a step needs no reordering; what comes out of it is row-major again.
public final class TrainedParameter {
    /// The name in checkpoints.
    public let name: String
    /// The sizes in checkpoints.
    public let shape: [Int]
    /// Whether this is a running statistic rather than a weight.
    public let isStatistic: Bool
    /// Whether gradients are worked out and optimizers change it; false freezes it.
    public var isTrained: Bool
    /// The values `[count]`, in the layer's order. Call `markChanged` after writing to them.
    public private(set) var elements: Tensor
    /// Tensors of an optimizer, each `[count]` in the order of `elements`.
    public private(set) var state: [Tensor] = []
    /// Whether a backward pass has left a gradient since `zeroGradients`.
    public internal(set) var hasGradient = false

    private var gradientTensor: Tensor?
    private var layout: dnnl_memory_desc_t?
    private var version = 0
    private var copies: [(layout: dnnl_memory_desc_t, tensor: Tensor, version: Int)] = []

    init(_ parameter: Parameter) throws {
        name = parameter.name
        shape = parameter.shape
        isStatistic = name.hasSuffix(".running_mean") || name.hasSuffix(".running_var")
        isTrained = !isStatistic
        elements = try Tensor(parameter.floats(), shape: [parameter.shape.reduce(1, *)])
    }

    /// A parameter of no network.
    public init(_ name: String, _ value: Tensor) throws {
        self.name = name
        shape = value.shape
        isStatistic = false
        isTrained = true
        elements = try value.to(.f32).clone().reshaped([value.count])
    }

    /// The gradient `[count]` in the order of `elements`; nil where there is none.
    public var gradientElements: Tensor? { hasGradient ? gradientTensor : nil }

    /// Tells layers that `elements` was written to.
    public func markChanged() { version &+= 1 }

    /// Adds tensors of zeros until `state` has `count`.
    public func makeState(_ count: Int) throws {
        while state.count < count { state.append(try Tensor.zeros([elements.count])) }
    }

    /// Forgets the tensors of an optimizer.
    public func clearState() { state = [] }

    /// The values in the parameter's shape, row-major.
    public func value() throws -> Tensor { try plain(elements) }

    /// The gradient in the parameter's shape, row-major; nil where there is none.
    public func gradient() throws -> Tensor? { try gradientElements.map { try plain($0) } }

    /// A tensor of `state` in the parameter's shape, row-major.
    public func stateValue(_ index: Int) throws -> Tensor { try plain(state[index]) }

    /// Sets the values from a tensor of the parameter's shape.
    /// - Throws: `TensorError.shape` for another.
    public func load(_ tensor: Tensor) throws {
        try write(tensor, to: elements)
        markChanged()
    }

    /// Sets a tensor of `state` from one of the parameter's shape.
    /// - Throws: `TensorError.shape` for another.
    public func loadState(_ index: Int, _ tensor: Tensor) throws {
        try makeState(index + 1)
        try write(tensor, to: state[index])
    }

    // MARK: What layers ask for

    /// The values in a layout of oneDNN. The first layout that is asked for becomes that of `elements`, where it has room
    /// for exactly the values; others are copied once a step.
    func address(_ wanted: dnnl_memory_desc_t, _ execution: CPUExecution) throws -> UnsafeMutableRawPointer {
        if layout == nil { try adopt(wanted) }
        if isLayout(wanted) { return elements.pointer }
        var wanted = wanted
        let index = copies.firstIndex {
            var layout = $0.layout
            return dnnl_memory_desc_equal(&layout, &wanted) != 0
        }
        let target =
            try index.map { copies[$0].tensor } ?? Tensor(uninitialized: [dnnl_memory_desc_get_size(&wanted)], .u8)
        if let index, copies[index].version == version { return target.pointer }
        try reorder(elements, try layout ?? plainLayout(), to: wanted, target.pointer, execution)
        if let index {
            copies[index].version = version
        } else {
            copies.append((wanted, target, version))
        }
        return target.pointer
    }

    /// Row-major values for layers that do not pack theirs.
    func plainAddress(_ execution: CPUExecution) throws -> UnsafeMutablePointer<Float> {
        if layout == nil { return Elementwise.floats(elements) }
        return try address(plainLayout(), execution).assumingMemoryBound(to: Float.self)
    }

    /// Gathers a gradient that `write` puts in memory of a layout, all of it.
    func gather(
        _ given: dnnl_memory_desc_t, _ execution: CPUExecution, _ write: (UnsafeMutableRawPointer) throws -> Void
    ) throws {
        var given = given
        let isDirect = isLayout(given)
        let target = try gradientBuffer()
        if isDirect && !hasGradient {
            try write(target.pointer)
            hasGradient = true
            return
        }
        let bytes = dnnl_memory_desc_get_size(&given)
        let fresh = try execution.allocate([(bytes + 3) / 4], .f32)
        try write(fresh.pointer)
        var gathered = fresh
        if !isDirect {
            gathered = hasGradient ? try execution.allocate([elements.count], .f32) : target
            let own = try layout ?? plainLayout()
            try TrainedParameter.reorder(name, fresh.pointer, given, to: own, gathered.pointer, execution)
        }
        if hasGradient { Elementwise.add(target, gathered) }
        hasGradient = true
    }

    /// The row-major gradient to add to, cleared where there was none; for parameters that are never packed.
    func gradientToAddTo() throws -> UnsafeMutablePointer<Float> {
        guard layout == nil else {
            throw EngineError.parameters(message: "\(name): one parameter serves two kinds of layers")
        }
        let target = try gradientBuffer()
        if !hasGradient {
            target.pointer.initializeMemory(as: UInt8.self, repeating: 0, count: target.count * 4)
            hasGradient = true
        }
        return Elementwise.floats(target)
    }

    /// Adds to the row-major gradient, wherever it lies: a layer that looks rows up may share its table with one that packs it.
    func addPlainGradient(_ execution: CPUExecution, _ add: (UnsafeMutablePointer<Float>) -> Void) throws {
        if layout == nil { return add(try gradientToAddTo()) }
        try gather(plainLayout(), execution) { memory in
            memory.initializeMemory(as: UInt8.self, repeating: 0, count: elements.count * 4)
            add(memory.assumingMemoryBound(to: Float.self))
        }
    }

    // MARK: Layouts

    private func gradientBuffer() throws -> Tensor {
        if let gradientTensor { return gradientTensor }
        let made = try Tensor(uninitialized: [elements.count])
        gradientTensor = made
        return made
    }

    private func isLayout(_ other: dnnl_memory_desc_t) -> Bool {
        guard var layout else { return false }
        var other = other
        return dnnl_memory_desc_equal(&layout, &other) != 0
    }

    /// Row-major, in the sizes that the layer's operation gives the parameter.
    private func plainLayout(as other: dnnl_memory_desc_t? = nil) throws -> dnnl_memory_desc_t {
        let sizes = (other ?? layout).map { OneDNN.sizes($0) } ?? shape
        return try OneDNN.description(sizes, strides: Tensor.contiguousStrides(sizes), .f32, name)
    }

    private func adopt(_ wanted: dnnl_memory_desc_t) throws {
        var wanted = wanted
        let plain = try plainLayout(as: wanted)
        guard dnnl_memory_desc_get_size(&wanted) == elements.count * 4 else {
            layout = plain
            return
        }
        let execution = try CPUExecution(dtype: .f32)
        func moved(_ tensor: Tensor) throws -> Tensor {
            let result = try Tensor(uninitialized: [elements.count])
            try TrainedParameter.reorder(name, tensor.pointer, plain, to: wanted, result.pointer, execution)
            return result
        }
        elements = try moved(elements)
        state = try state.map(moved)
        if hasGradient { gradientTensor = try gradientTensor.map(moved) }
        layout = wanted
    }

    private func plain(_ tensor: Tensor) throws -> Tensor {
        let result = try Tensor(uninitialized: shape)
        if let layout {
            let execution = try CPUExecution(dtype: .f32)
            try reorder(tensor, layout, to: plainLayout(), result.pointer, execution)
        } else {
            result.pointer.copyMemory(from: tensor.pointer, byteCount: tensor.count * 4)
        }
        return result
    }

    private func write(_ tensor: Tensor, to target: Tensor) throws {
        guard tensor.shape == shape else {
            throw TensorError.shape(
                operation: name, message: "wanted \(Tensor.text(shape)), got \(Tensor.text(tensor.shape))")
        }
        let source = try tensor.to(.f32).contiguous()
        if let layout {
            try reorder(source, plainLayout(), to: layout, target.pointer, CPUExecution(dtype: .f32))
        } else {
            target.pointer.copyMemory(from: source.pointer, byteCount: target.count * 4)
        }
    }

    private func reorder(
        _ source: Tensor, _ from: dnnl_memory_desc_t, to wanted: dnnl_memory_desc_t, _ target: UnsafeMutableRawPointer,
        _ execution: CPUExecution
    ) throws {
        try withExtendedLifetime(source) {
            try TrainedParameter.reorder(name, source.pointer, from, to: wanted, target, execution)
        }
    }

    private static func reorder(
        _ name: String, _ source: UnsafeMutableRawPointer, _ from: dnnl_memory_desc_t,
        to wanted: dnnl_memory_desc_t, _ target: UnsafeMutableRawPointer, _ execution: CPUExecution
    ) throws {
        let reorder = try Primitive(name, reorder: from, to: wanted)
        try execution.execute(reorder, [(DNNL_ARG_SRC, source), (DNNL_ARG_DST, target)], keeping: false)
    }
}
