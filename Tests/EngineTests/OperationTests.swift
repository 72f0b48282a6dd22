import Engine
import ReferenceExecution
import Tensors
import Testing

/// One operation of `Execution`, as a computation.
private enum Operation: Computation {
    case linear(Linear, Epilogue<Int>)
    case convolution(Convolution2D, Prologue, Epilogue<Int>)
    case layerNorm(LayerNorm, Epilogue<Int>)
    case groupNorm(GroupNorm, Epilogue<Int>)
    case rmsNorm(RMSNorm, Epilogue<Int>)
    case batchNorm(BatchNorm2D, Epilogue<Int>)
    case attention(Attention, Mask<Int>)
    case linearAttention(LinearAttention)
    case rotary(Rotary, Tensor)
    case gate(GatedUnit)
    case modulate
    case activation(Activation)
    case affine
    case add
    case pool(Pooling)
    case globalAverage
    case upsample(Int, Int)
    case patchify(Patches)
    case unpatchify(Patches, Int, Int)
    case concatenate(Int)
    case narrow(Int, Range<Int>)
    case pieces(Linear)

    func run<E: Execution>(_ x: [E.Value], on execution: E) throws -> E.Value {
        /// An epilogue whose values are named by the places of inputs.
        func filled(_ epilogue: Epilogue<Int>) -> Epilogue<E.Value> {
            var result = Epilogue<E.Value>(activation: epilogue.activation, result: epilogue.result)
            switch epilogue.scale {
            case .learned(let layer): result.scale = .learned(layer)
            case .given(let place): result.scale = .given(x[place])
            case nil: break
            }
            result.summand = epilogue.summand.map { x[$0] }
            switch epilogue.residual {
            case .kept(let place): result.residual = .kept(x[place])
            case .given(let place): result.residual = .given(x[place])
            case nil: break
            }
            return result
        }
        switch self {
        case .linear(let layer, let epilogue): return try execution.linear(layer, x[0], filled(epilogue))
        case .convolution(let layer, let prologue, let epilogue):
            return try execution.convolution(layer, x[0], prologue, filled(epilogue))
        case .layerNorm(let layer, let epilogue): return try execution.norm(layer, x[0], filled(epilogue))
        case .groupNorm(let layer, let epilogue): return try execution.norm(layer, x[0], filled(epilogue))
        case .rmsNorm(let layer, let epilogue): return try execution.norm(layer, x[0], filled(epilogue))
        case .batchNorm(let layer, let epilogue): return try execution.norm(layer, x[0], filled(epilogue))
        case .attention(let layer, let mask):
            let own: Mask<E.Value>
            switch mask {
            case .none: own = .none
            case .causal: own = .causal
            case .lengths(let lengths): own = .lengths(lengths)
            case .bias(let place): own = .bias(x[place])
            }
            return try execution.attention(layer, query: x[0], key: x[1], value: x[2], mask: own)
        case .linearAttention(let layer):
            return try execution.linearAttention(layer, query: x[0], key: x[1], value: x[2])
        case .rotary(let layer, let table):
            return try execution.rotary(layer, x[0], table: execution.value(table))
        case .gate(let unit): return try execution.gate(unit, x[0], x.count > 1 ? x[1] : nil)
        case .modulate: return try execution.modulate(x[0], scale: x[1], shift: x[2])
        case .activation(let kind): return try execution.activation(kind, x[0])
        case .affine: return try execution.affine(x[0], factor: 1.75, summand: -0.5)
        case .add: return try execution.add(x[0], x[1], result: .f32)
        case .pool(let layer): return try execution.pool(layer, x[0])
        case .globalAverage: return try execution.globalAverage(x[0])
        case .upsample(let height, let width): return try execution.upsample(x[0], height: height, width: width)
        case .patchify(let patches): return try execution.patchify(patches, x[0])
        case .unpatchify(let patches, let height, let width):
            return try execution.unpatchify(patches, x[0], height: height, width: width)
        case .concatenate(let axis): return try execution.concatenate(x, axis: axis)
        case .narrow(let axis, let range): return try execution.narrow(x[0], axis: axis, range)
        case .pieces(let layer):
            return try execution.each([x[0], x[1]], by: .rows(bytes: 1 << 15)) { parts in
                try execution.linear(layer, parts[0], Epilogue(residual: .given(parts[1]), result: .f32))
            }
        }
    }
}

/// Each operation of every executor, in both dtypes, and of the recorder, with its gradients, beside their definitions in f64.
@Suite struct OperationTests {
    private func check(
        _ comment: String, _ operation: Operation, _ inputs: [Input], _ scope: ParameterScope = ParameterScope(),
        recorded: Bool = true
    ) throws {
        let comparison = try Comparison(operation, inputs, scope)
        for (dtype, tolerance) in [(DType.f32, 4e-6), (.bf16, 1.2e-2)] {
            for (executor, error) in try comparison.errors(in: dtype) {
                #expect(error < tolerance, "\(comment), \(executor), \(dtype): \(error)")
            }
        }
        guard recorded else { return }
        let (error, of) = try comparison.recorderError()
        #expect(error < 2e-5, "\(comment), recorder, \(of): \(error)")
    }

    private static let x = Input("x", [2, 9, 40])

    /// Layers of 64 outputs and more are our own products, where the processor has the instructions, and others oneDNN's.
    @Test(arguments: [24, 64, 150]) func linearLayersWithEveryEpilogue(outputs: Int) throws {
        let residual = Input("r", [2, 9, outputs])
        let (one, each) = (Input("one", [1, outputs]), Input("each", [2, outputs]))
        func layer() -> (Linear, LayerScale, ParameterScope) {
            let scope = ParameterScope()
            return (
                Linear(scope["l"], inputs: 40, outputs: outputs), LayerScale(scope["s"], channels: outputs), scope
            )
        }
        for activation in Activation.allCases {
            let (linear, scale, scope) = layer()
            try check(
                "\(activation)",
                .linear(linear, Epilogue(scale: .learned(scale), residual: .kept(1), activation: activation)),
                [Self.x, residual], scope)
        }
        for rows in [one, each] {
            let gated = ParameterScope()
            let gate = Linear(gated["l"], inputs: 40, outputs: outputs)
            try check(
                "gate", .linear(gate, Epilogue(scale: .given(1), residual: .given(2), result: .f32)),
                [Self.x, rows, residual], gated)
            let (linear, scale, scope) = layer()
            try check(
                "summand",
                .linear(linear, Epilogue(scale: .learned(scale), summand: 1, activation: .silu, result: .f32)),
                [Self.x, rows], scope)
        }
        let scope = ParameterScope()
        let plain = Linear(scope["l"], inputs: 40, outputs: outputs, hasBias: false)
        try check("no bias", .linear(plain, Epilogue(result: .f32)), [Self.x], scope)
    }

    @Test func convolutions() throws {
        for (inputs, outputs) in [(3, 16), (16, 32), (5, 7)] {
            let scope = ParameterScope()
            let layer = Convolution2D(
                scope["c"], inputs: inputs, outputs: outputs, kernel: (3, 2), stride: (2, 1), padding: (1, 0),
                paddingAfter: (0, 1), batchNorm: BatchNorm2D(scope["bn"], channels: outputs))
            try check(
                "convolution \(inputs) \(outputs)",
                .convolution(layer, Prologue(), Epilogue(residual: .kept(1), activation: .relu)),
                [Input("x", [2, 7, 6, inputs]), Input("r", [2, 3, 6, outputs])], scope)
        }
    }

    @Test func groupedConvolutions() throws {
        // Depthwise, of one output a group and of two, and products of groups; of whole vectors of channels and of others.
        for (inputs, outputs, groups, kernel) in [
            (48, 48, 48, 3), (10, 10, 10, 5), (6, 12, 6, 3), (32, 32, 4, 1), (15, 20, 5, 3), (96, 96, 3, 1),
        ] {
            for hasBias in [true, false] {
                let scope = ParameterScope()
                let layer = Convolution2D(
                    scope["c"], inputs: inputs, outputs: outputs, kernel: (kernel, kernel),
                    padding: (kernel / 2, kernel / 2), groups: groups, hasBias: hasBias)
                try check(
                    "\(groups) groups of \(inputs)",
                    .convolution(
                        layer, Prologue(), hasBias ? Epilogue(residual: .kept(1), activation: .silu) : Epilogue()),
                    [Input("x", [2, 7, 6, inputs]), Input("r", [2, 7, 6, outputs])], scope)
            }
        }
        let scope = ParameterScope()
        let layer = Convolution2D(
            scope["c"], inputs: 32, outputs: 32, kernel: (3, 3), stride: (2, 1), padding: (1, 0), groups: 32,
            batchNorm: BatchNorm2D(scope["bn"], channels: 32))
        try check("strides", .convolution(layer, Prologue(), Epilogue()), [Input("x", [2, 7, 6, 32])], scope)
    }

    /// Group normalisation, enlarging, a summand and a residual around a 3 × 3 convolution: in stripes, by Winograd's algorithm
    /// and directly, and as operations of their own.
    @Test func convolutionsWithPrologues() throws {
        for (inputs, outputs, side) in [(16, 32, 34), (16, 16, 9), (8, 4, 33)] {
            for result in [DType.f32, nil] {
                let scope = ParameterScope()
                let layer = Convolution2D(scope["c"], inputs: inputs, outputs: outputs, kernel: (3, 3), padding: (1, 1))
                let norm = try GroupNorm(scope["n"], groups: 4, channels: inputs)
                let prologue = Prologue(norm: norm, activation: .silu, size: (side, side + 3))
                try check(
                    "prologue \(inputs) \(side) \(result.map { "\($0)" } ?? "compute")",
                    .convolution(layer, prologue, Epilogue(summand: 1, residual: .kept(2), result: result)),
                    [
                        Input("x", [2, side / 2, side / 2 + 1, inputs]), Input("s", [2, outputs]),
                        Input("r", [2, side, side + 3, outputs]),
                    ], scope, recorded: side == 9)
            }
        }
    }

    @Test func normalisations() throws {
        let residual = Input("r", [2, 9, 40])
        for isAffine in [true, false] {
            let scope = ParameterScope()
            let layer = LayerNorm(scope["n"], channels: 40, isAffine: isAffine)
            try check("layer norm", .layerNorm(layer, Epilogue()), [Self.x], scope)
            try check(
                "layer norm and more", .layerNorm(layer, Epilogue(residual: .kept(1), activation: .gelu)),
                [Self.x, residual], scope)
        }
        for (width, addsOne) in [(40, false), (20, true)] {
            for hasBias in [true, false] {
                let scope = ParameterScope()
                let layer = RMSNorm(scope["n"], channels: width, addsOne: addsOne, hasBias: hasBias)
                try check("rms norm \(width)", .rmsNorm(layer, Epilogue()), [Self.x], scope)
                if width < 40 { continue }
                for epilogue in [
                    Epilogue(residual: .given(1), result: .f32), Epilogue(residual: .kept(1)),
                    Epilogue(residual: .kept(1), activation: .relu),
                ] {
                    try check("rms norm and more", .rmsNorm(layer, epilogue), [Self.x, residual], scope)
                }
            }
        }
        let scope = ParameterScope()
        let grouped = try GroupNorm(scope["n"], groups: 5, channels: 40)
        try check("group norm", .groupNorm(grouped, Epilogue(activation: .silu)), [Self.x], scope)
        try check(
            "group norm and more", .groupNorm(grouped, Epilogue(residual: .kept(1), activation: .relu)),
            [Self.x, residual], scope)
        let other = ParameterScope()
        let batch = BatchNorm2D(other["n"], channels: 40)
        try check("batch norm", .batchNorm(batch, Epilogue(activation: .relu)), [Self.x], other)
        try check(
            "batch norm and more", .batchNorm(batch, Epilogue(residual: .kept(1), activation: .silu)),
            [Self.x, residual], other)
    }

    @Test func attentionWithMasksAndHeads() throws {
        for (queries, keys, heads, keyHeads, size) in [(1, 1, 1, 1, 16), (5, 9, 4, 2, 8), (70, 70, 2, 1, 24)] {
            let layer = try Attention(channels: heads * size, heads: heads, keyHeads: keyHeads)
            let inputs = [
                Input("q", [2, queries, heads * size], limit: 2), Input("k", [2, keys, keyHeads * size], limit: 2),
                Input("v", [2, keys, keyHeads * size]),
            ]
            let comment = "attention \(queries) \(keys) \(heads) \(keyHeads)"
            try check(comment, .attention(layer, .none), inputs)
            try check(comment + " causal", .attention(layer, .causal), inputs)
            try check(comment + " lengths", .attention(layer, .lengths([(keys + 1) / 2, keys])), inputs)
            for shape in [[2, heads, queries, keys], [1, 1, queries, keys], [1, heads, queries, keys]] {
                try check(
                    comment + " bias", .attention(layer, .bias(3)), inputs + [Input("b", shape, limit: 3)])
            }
            let bent = try Attention(
                channels: heads * size, heads: heads, keyHeads: keyHeads, scale: 0.7, softCap: 2, window: 3)
            try check(comment + " bent", .attention(bent, .causal), inputs)
            try check(
                comment + " bent bias", .attention(bent, .bias(3)), inputs + [Input("b", [2, 1, queries, keys])])
        }
    }

    @Test func linearAttention() throws {
        for (queries, keys, heads, size) in [(1, 1, 1, 32), (5, 9, 4, 8), (70, 130, 3, 24), (66, 66, 2, 32)] {
            let inputs = [
                Input("q", [2, queries, heads * size]), Input("k", [2, keys, heads * size]),
                Input("v", [2, keys, heads * size]),
            ]
            let layer = try LinearAttention(channels: heads * size, heads: heads)
            try check("linear attention \(queries) \(keys)", .linearAttention(layer), inputs)
        }
        // Queries that see nothing.
        let layer = try LinearAttention(channels: 8, heads: 2)
        let zeros = [Input("q", [1, 3, 8], limit: 0), Input("k", [1, 3, 8]), Input("v", [1, 3, 8])]
        try check("nothing", .linearAttention(layer), zeros, recorded: false)
    }

    /// More keys than are taken at once.
    @Test func longAttention() throws {
        let layer = try Attention(channels: 16, heads: 2, keyHeads: 1, softCap: 5, window: 700)
        let inputs = [Input("q", [1, 130, 16]), Input("k", [1, 1600, 8]), Input("v", [1, 1600, 8])]
        try check("long causal", .attention(layer, .causal), inputs, recorded: false)
        try check("long lengths", .attention(layer, .lengths([1100])), inputs, recorded: false)
        try check(
            "long bias", .attention(layer, .bias(3)), inputs + [Input("b", [1, 1, 130, 1600])], recorded: false)
    }

    @Test func rotaryTurnsPairs() throws {
        for pairing in [Rotary.Pairing.halves, .neighbours] {
            for rotated in [20, 8] {
                let layer = try Rotary(headSize: 20, rotated: rotated, pairing: pairing)
                try check("rotary \(pairing) \(rotated)", .rotary(layer, layer.table(3..<12)), [Self.x])
            }
        }
    }

    @Test func gatesAndModulation() throws {
        let others = [Activation.geluTanh, .none].map { GatedUnit($0, activatesSecond: false) }
        for unit in [GatedUnit.swiGLU, .geGLU] + others {
            try check("gate of halves \(unit)", .gate(unit), [Self.x])
            try check("gate of two \(unit)", .gate(unit), [Self.x, Input("y", [2, 9, 40])])
        }
        for rows in [1, 2] {
            try check(
                "modulate \(rows)", .modulate, [Self.x, Input("scale", [rows, 40]), Input("shift", [rows, 40])])
        }
        for activation in Activation.allCases { try check("\(activation)", .activation(activation), [Self.x]) }
        try check("affine", .affine, [Self.x])
        for shape in [[2, 9, 40], [1, 9, 40], [9, 40]] { try check("add \(shape)", .add, [Self.x, Input("y", shape)]) }
    }

    @Test func imagesAndShapes() throws {
        let image = Input("x", [2, 6, 8, 5])
        for (kind, counts) in [(Pooling.Kind.max, true), (.average, true), (.average, false)] {
            let pool = try Pooling(kind, kernel: 3, stride: 2, padding: 1, countsPadding: counts, relu: !counts)
            try check("pool \(kind)", .pool(pool), [image])
        }
        try check("global average", .globalAverage, [image])
        for (height, width) in [(12, 16), (7, 13), (6, 8)] {
            try check("upsample \(height)", .upsample(height, width), [image])
        }
        for order in [Patches.Order.channelsLast, .channelsFirst] {
            let patches = try Patches(size: 2, order: order)
            try check("patchify \(order)", .patchify(patches), [image])
            try check("unpatchify \(order)", .unpatchify(patches, 6, 8), [Input("t", [2, 12, 20])])
            for (size, run) in [(2, 2), (2, 4), (2, 5), (1, 5), (2, 10)] {
                let patches = try Patches(size: size, order: order, run: run)
                try check("means \(order) \(size) \(run)", .patchify(patches), [image])
                let tokens = [2, 48 / (size * size), 5 * size * size / run]
                try check("repeats \(order) \(size) \(run)", .unpatchify(patches, 6, 8), [Input("t", tokens)])
            }
        }
        try check("channels", .concatenate(3), [image, Input("y", [2, 6, 8, 3]), Input("z", [1, 6, 8, 2])])
        try check("tokens", .concatenate(1), [Input("c", [1, 1, 40]), Self.x, Input("y", [2, 3, 40])])
        try check("narrow channels", .narrow(2, 5..<21), [Self.x])
        try check("narrow tokens", .narrow(1, 0..<1), [Self.x])
    }

    @Test func pieces() throws {
        let scope = ParameterScope()
        let layer = Linear(scope["l"], inputs: 12, outputs: 12)
        try check("pieces", .pieces(layer), [Input("x", [500, 12]), Input("r", [500, 12])], scope)
    }
}
