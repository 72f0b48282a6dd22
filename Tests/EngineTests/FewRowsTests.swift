import Engine
import EngineCPU
import Tensors
import TestSupport
import Testing

/// What language models ask for a token at a time.
@Suite struct FewRowsTests {
    private func layer(_ inputs: Int, _ outputs: Int, hasBias: Bool = true, takesFewRows: Bool) throws -> Linear {
        let layer = Linear(
            ParameterScope(), inputs: inputs, outputs: outputs, hasBias: hasBias, takesFewRows: takesFewRows)
        try layer.weight.load(
            Tensor(uniform("w", [outputs, inputs], -0.2, 0.2), shape: [outputs, inputs]).to(.bf16).to(.f32))
        try layer.bias?.load(Tensor(uniform("b", [outputs]), shape: [outputs]))
        return layer
    }

    /// Where our products of many rows do not serve, each row is what it is alone, to the bit, and what oneDNN gives to the
    /// rounding of its sums.
    @Test(arguments: [DType.f32, .bf16]) func rowsAreTheSameBesideOthers(dtype: DType) throws {
        for (inputs, outputs) in [(64, 128), (203, 130), (512, 64), (48, 1000), (16, 65)] {
            for hasBias in [true, false] {
                let x = try Tensor(uniform("x", [17, inputs]), shape: [17, inputs])
                let kept = try Tensor(uniform("r", [17, outputs]), shape: [17, outputs])
                for threads in [1, 2] {
                    // An execution takes the values of a layer.
                    let few = try layer(inputs, outputs, hasBias: hasBias, takesFewRows: true)
                    let usual = try layer(inputs, outputs, hasBias: hasBias, takesFewRows: false)
                    let execution = try CPUExecution(
                        dtype: dtype, threads: threads, Prepared(usesOwnProducts: false))
                    func run(_ layer: Linear, _ rows: Range<Int>) throws -> [Float] {
                        try execution.run {
                            let own = try x.narrow(0, rows.lowerBound, rows.count).contiguous()
                            let residual = try kept.narrow(0, rows.lowerBound, rows.count).contiguous()
                            let epilogue = Epilogue<Tensor>(residual: .kept(residual), activation: .silu, result: .f32)
                            return try execution.linear(layer, own, epilogue).array(Float.self)
                        }
                    }
                    let alone = try (0..<16).map { try run(few, $0..<$0 + 1) }
                    for rows in [0..<2, 3..<8, 0..<16] {
                        #expect(try run(few, rows) == rows.flatMap { alone[$0] }, "\(inputs) to \(outputs), \(rows)")
                    }
                    let wanted = try run(usual, 0..<16).map { Double($0) }
                    #expect(relativeError(alone.flatMap { $0 }, wanted) < 3e-6, "\(inputs) to \(outputs)")
                    // More rows go the usual way.
                    #expect(try run(few, 0..<17) == run(usual, 0..<17))
                }
            }
        }
    }

    /// The last query over a cache is the last one of a whole pass, with groups of heads, caps and windows.
    @Test(arguments: [DType.f32, .bf16]) func aQuerySeesTheCacheWhereItLies(dtype: DType) throws {
        for (size, heads, keyHeads, cap, window) in [
            (16, 4, 2, nil, nil), (32, 2, 2, Float(2), nil), (48, 3, 1, nil, 33), (24, 2, 1, nil, 70),
        ] as [(Int, Int, Int, Float?, Int?)] {
            let layer = try Attention(
                channels: heads * size, heads: heads, keyHeads: keyHeads, softCap: cap, window: window)
            let count = 150
            func values(_ name: String, _ channels: Int) throws -> Tensor {
                try Tensor(uniform(name, [2, count, channels]), shape: [2, count, channels]).to(dtype)
            }
            let (query, key) = try (values("q", layer.channels), values("k", layer.keyChannels))
            let value = try values("v", layer.keyChannels)
            let execution = try CPUExecution(dtype: dtype, threads: 2)
            let whole = try execution.run {
                try execution.attention(layer, query: query, key: key, value: value, mask: .causal)
            }
            let cache = try execution.cache()
            for start in [0] + Array(100..<count) {
                let part = start == 0 ? 0..<100 : start..<start + 1
                func cut(_ tensor: Tensor) throws -> Tensor {
                    try tensor.narrow(1, part.lowerBound, part.count).contiguous()
                }
                let found = try execution.run {
                    try execution.attention(
                        layer, query: cut(query), key: cut(key), value: cut(value), mask: .causal, cache: cache)
                }
                let wanted = try cut(whole).to(.f32).array(Float.self).map { Double($0) }
                #expect(
                    relativeError(try found.to(.f32).array(Float.self), wanted) < (dtype == .f32 ? 2e-6 : 8e-3),
                    "\(size) \(part)")
            }
        }
    }
}
