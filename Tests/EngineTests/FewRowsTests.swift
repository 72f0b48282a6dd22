import Engine
import EngineCPU
import NetKernels
import Tensors
import TestSupport
import Testing

/// What language models ask for a token at a time.
@Suite struct FewRowsTests {
    /// Each row is what it is alone, to the bit, and what the definition gives to the rounding of its sums: by the kernel for
    /// processors that lack the instructions of `NetProducts`.
    @Test(arguments: [NetType.f32, .bf16]) func rowsAreTheSameBesideOthers(type: NetType) throws {
        for (inputs, outputs) in [(64, 128), (203, 130), (512, 64), (48, 1000), (16, 65)] {
            let (weights, bias) = (rounded(uniform("w", [outputs, inputs], -0.2, 0.2)), uniform("b", [outputs]))
            let x = uniform("x", [16, inputs])
            let panels = packed(weights, inputs, outputs, type)
            for threads in [false, true] {
                func run(_ rows: Range<Int>) -> [Float] {
                    let shape = NetFewRows.Shape(rows: rows.count, inputs: inputs, outputs: outputs)
                    var source = [Float](repeating: 0, count: rows.count * shape.paddedInputs)
                    for (place, row) in rows.enumerated() {
                        for k in 0..<inputs { source[place * shape.paddedInputs + k] = x[row * inputs + k] }
                    }
                    var target = [Float](repeating: .nan, count: rows.count * outputs)
                    panels.withUnsafeBytes { panels in
                        guard let base = panels.baseAddress else { return }
                        NetFewRows.products(base, type, source, bias: bias, &target, shape, threads: threads)
                    }
                    return target
                }
                let alone = (0..<16).map { run($0..<$0 + 1) }
                for rows in [0..<2, 3..<8, 0..<16] {
                    #expect(run(rows) == rows.flatMap { alone[$0] }, "\(inputs) to \(outputs), \(rows)")
                }
                let wanted = (0..<16).flatMap { row in
                    (0..<outputs).map { output in
                        (0..<inputs).reduce(Double(bias[output])) {
                            $0 + Double(x[row * inputs + $1]) * Double(weights[output * inputs + $1])
                        }
                    }
                }
                #expect(relativeError(alone.flatMap { $0 }, wanted) < 3e-6, "\(inputs) to \(outputs)")
            }
        }
    }

    private func rounded(_ values: [Float]) -> [Float] { values.map { BFloat16($0).float } }

    /// Weights `[outputs, inputs]` in blocks of 64 outputs, and in them input by input, or in pairs where they are bf16.
    private func packed(_ weights: [Float], _ inputs: Int, _ outputs: Int, _ type: NetType) -> [UInt8] {
        let (wide, deep) = ((outputs + 63) / 64 * 64, (inputs + 15) / 16 * 16)
        var floats = [Float](repeating: 0, count: wide * deep)
        let pair = type == .bf16 ? 2 : 1
        for output in 0..<outputs {
            for input in 0..<inputs {
                let place = output / 64 * 64 * deep + (input / pair * 64 + output % 64) * pair + input % pair
                floats[place] = weights[output * inputs + input]
            }
        }
        if type == .f32 { return floats.withUnsafeBytes { Array($0) } }
        return floats.map { BFloat16($0) }.withUnsafeBytes { Array($0) }
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
