import Engine
import ReferenceExecution
import TestSupport
import Tensors
import Testing

/// Attention with what was drawn; with cuts, in calls on a cache that begin at these places.
private struct DrawnAttention: Computation {
    let layer: Attention
    let mask: Mask<Tensor>
    var cuts: [Int] = []
    /// Whether of each call on the cache only the last query is asked for.
    var isLastAlone = false

    func run<E: Execution>(_ x: [E.Value], on execution: E) throws -> E.Value {
        let own: Mask<E.Value>
        switch mask {
        case .none: own = .none
        case .causal: own = .causal
        case .lengths(let lengths): own = .lengths(lengths)
        case .bias(let bias): own = .bias(try execution.value(bias))
        }
        if cuts.isEmpty { return try execution.attention(layer, query: x[0], key: x[1], value: x[2], mask: own) }
        let cache = try execution.cache()
        let parts = try zip([0] + cuts, cuts + [x[1].shape[1]]).map { start, end in
            func part(_ place: Int, from first: Int) throws -> E.Value {
                try execution.narrow(x[place], axis: 1, first..<end)
            }
            return try execution.attention(
                layer, query: part(0, from: isLastAlone ? end - 1 : start), key: part(1, from: start),
                value: part(2, from: start), mask: own, cache: cache)
        }
        return try execution.concatenate(parts, axis: 1)
    }
}

/// A linear layer with what was drawn of an epilogue: lines and the residual are inputs, in this order.
private struct DrawnLinear: Computation {
    let layer: Linear
    let learned: LayerScale?
    let hasScale, hasSummand: Bool
    /// Whether the residual is kept; nil is without.
    let keepsResidual: Bool?
    let residualIsSingle: Bool
    let activation: Activation
    let result: DType?

    func run<E: Execution>(_ x: [E.Value], on execution: E) throws -> E.Value {
        var rest = x.dropFirst()
        var epilogue = Epilogue<E.Value>(activation: activation, result: result)
        if let learned { epilogue.scale = .learned(learned) }
        if hasScale { epilogue.scale = rest.popFirst().map { .given($0) } }
        if hasSummand { epilogue.summand = rest.popFirst() }
        if let keepsResidual, var residual = rest.popFirst() {
            if residualIsSingle { residual = try execution.convert(residual, .f32) }
            epilogue.residual = keepsResidual ? .kept(residual) : .given(residual)
        }
        return try execution.linear(layer, x[0], epilogue)
    }
}

/// Sizes and options that nobody thought of, beside their definitions.
@Suite struct RandomOperationTests {
    private func check(
        _ comment: String, _ comparison: Comparison, _ generator: inout SeededGenerator
    ) throws {
        let dtype: DType = Bool.random(using: &generator) ? .f32 : .bf16
        let judged = try #require(JudgedExecutor.all.randomElement(using: &generator))
        let error = try comparison.error(of: judged.make(dtype))
        #expect(error < (dtype == .f32 ? 1e-5 : 1.5e-2), "\(comment), \(judged.name), \(dtype): \(error)")
    }

    @Test func attention() throws {
        var generator = SeededGenerator()
        func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
        func chance(_ of: Int) -> Bool { number(1...of) == 1 }
        for draw in 0..<48 {
            let isLong = draw % 12 == 0
            let size =
                isLong
                ? [8, 16, 24][number(0...2)]
                : [5, 7, 8, 16, 24, 32, 33, 40, 48, 64, 72, 80, 96, 112, 128, 160, 256][number(0...16)]
            let keyHeads = isLong ? 1 : number(1...2)
            let heads = keyHeads * number(1...(isLong ? 2 : 3))
            let images = isLong ? 1 : number(1...3)
            var queries = isLong ? number(1...150) : chance(4) ? 1 : number(1...90)
            // A bounded number of products.
            let most = max(1, (isLong ? 6_000_000 : 1_000_000) / (images * heads * size * queries))
            var keys = isLong ? number(1537...2100) : min(most, chance(4) ? number(1...16) : number(1...150))
            var mask = Mask<Tensor>.none
            var cuts: [Int] = []
            var isLastAlone = false
            switch number(0...4) {
            case 0: break
            case 1: (queries, mask) = (min(queries, keys), .causal)
            case 2: mask = .lengths((0..<images).map { _ in chance(3) ? keys : chance(3) ? 1 : number(1...keys) })
            case 3:
                let shape = [chance(2) ? 1 : images, chance(2) ? 1 : heads, queries, keys]
                var values = (0..<shape.reduce(1, *)).map { _ in
                    chance(5) ? -Float.infinity : Float.random(in: -2...2, using: &generator)
                }
                for row in 0..<values.count / keys where chance(8) {
                    let hidden = [-Float.infinity, -Float.greatestFiniteMagnitude, -1e30][number(0...2)]
                    for key in 0..<keys { values[row * keys + key] = hidden }
                }
                mask = .bias(try Tensor(values, shape: shape))
            default:
                keys = isLong ? 1600 : min(keys, 90)
                (queries, mask) = (keys, chance(3) ? .none : .causal)
                if isLong {
                    cuts = [1590, 1599]
                } else {
                    cuts = keys < 3 ? [] : Set([number(1...keys - 1), number(1...keys - 1)]).sorted()
                }
                isLastAlone = (isLong || chance(2)) && !cuts.isEmpty
            }
            let layer = try Attention(
                channels: heads * size, heads: heads, keyHeads: keyHeads, scale: chance(3) ? 0.11 : nil,
                softCap: chance(3) ? 2 : nil, window: chance(2) ? number(1...keys) : nil)
            let comment =
                "\(draw): \(images) images, \(queries) queries, \(keys) keys, \(heads) heads, \(keyHeads) of keys, \(size) wide, "
                + "scale \(layer.scale), cap \(layer.softCap ?? 0), window \(layer.window ?? 0), cuts \(cuts)"
            let kind =
                switch mask {
                case .none: "no mask"
                case .causal: "causal"
                case .lengths(let lengths): "lengths \(lengths)"
                case .bias(let bias): "bias \(bias.shape)"
                }
            let narrow = [images, keys, layer.keyChannels]
            let inputs = [
                Input("q\(draw)", [images, queries, layer.channels], limit: 2), Input("k\(draw)", narrow, limit: 2),
                Input("v\(draw)", narrow),
            ]
            try check(
                "\(comment), \(kind)\(isLastAlone ? ", last alone" : "")",
                Comparison(
                    DrawnAttention(layer: layer, mask: mask, cuts: cuts, isLastAlone: isLastAlone), inputs),
                &generator)
        }
    }

    @Test func linearLayers() throws {
        var generator = SeededGenerator()
        func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
        func chance(_ of: Int) -> Bool { number(1...of) == 1 }
        for draw in 0..<60 {
            let outputs = [number(1...63), 64, number(65...200), 128][number(0...3)]
            let inputs = chance(12) ? number(1025...1100) : number(8...150)
            let (images, rank) = (number(1...3), number(2...3))
            // Enough numbers for a relative error to mean something.
            let tokens = max(64 / outputs + 1, chance(3) ? 1 : number(1...40))
            let shape = rank == 3 ? [images, tokens] : [tokens]
            let scope = ParameterScope()
            let kind = number(0...2)
            let lines = [chance(2) ? 1 : shape[0], outputs]
            let drawn = DrawnLinear(
                layer: Linear(
                    scope["l\(draw)"], inputs: inputs, outputs: outputs, hasBias: !chance(4), takesFewRows: chance(2)),
                learned: kind == 1 ? LayerScale(scope["s\(draw)"], channels: outputs) : nil, hasScale: kind == 2,
                hasSummand: chance(2), keepsResidual: chance(3) ? nil : chance(2), residualIsSingle: chance(2),
                activation: Activation.allCases[number(0...Activation.allCases.count - 1)],
                result: chance(2) ? .f32 : nil)
            var inputsOfIt = [Input("x\(draw)", shape + [inputs])]
            if drawn.hasScale { inputsOfIt.append(Input("scale\(draw)", lines)) }
            if drawn.hasSummand { inputsOfIt.append(Input("summand\(draw)", lines)) }
            if drawn.keepsResidual != nil { inputsOfIt.append(Input("r\(draw)", shape + [outputs])) }
            try check(
                "\(draw): \(shape) rows, \(inputs) to \(outputs), scale \(kind), lines \(lines), summand \(drawn.hasSummand), "
                    + "residual kept \(String(describing: drawn.keepsResidual)), single \(drawn.residualIsSingle), "
                    + "\(drawn.activation), \(String(describing: drawn.result))",
                Comparison(drawn, inputsOfIt, scope), &generator)
        }
    }
}
