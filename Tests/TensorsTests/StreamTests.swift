import Foundation
import Tensors
import TestSupport
import Testing

/// The random streams against NumPy, Python and PyTorch (`Tests/Parity/generators/tensors_streams.py`).
/// `CHEXGEN_STREAM_CASES` names another file of the script.
@Suite struct StreamTests {
    struct Cases: Decodable {
        struct NumPy: Decodable {
            let seed: UInt32
            let permutation, choice, randint, resample, wide: [Int]
            let uniform: [Double]
            let last: Double
        }
        struct Python: Decodable {
            let seed: Int
            let random: [Double]
            let choices, pool, set, small, all, wide, one: [Int]
            let last: Double
        }
        struct Draw: Decodable {
            let kind: String
            let count: Int
            let values: [Double]
            let low, high: Int?
        }
        struct Torch: Decodable {
            let seed: UInt64
            let draws: [Draw]
        }
        struct Latents: Decodable {
            let seed: UInt64
            let head: [Double]
            let sum: Double
        }
        let numpy: [NumPy]
        let python: [Python]
        let torch: [Torch]
        let latents: Latents
        let largePermutation: [Int]
    }

    let cases: Cases

    init() throws {
        let fixture = URL(fileURLWithPath: Places.fixtures("tensors/streams.json"))
        let other = ProcessInfo.processInfo.environment["CHEXGEN_STREAM_CASES"].map { URL(fileURLWithPath: $0) }
        cases = try JSONDecoder().decode(Cases.self, from: try Data(contentsOf: other ?? fixture))
    }

    @Test func numPy() {
        for item in cases.numpy {
            var stream = NumPyRandom(seed: item.seed)
            #expect(stream.permutation(37) == item.permutation)
            #expect((0..<5).map { _ in stream.uniform() } == item.uniform)
            #expect(stream.choice(5000, 20) == item.choice)
            #expect((0..<20).map { _ in stream.index(below: 1000) } == item.randint)
            #expect((0..<20).map { _ in stream.index(below: 33) } == item.resample)
            #expect((0..<5).map { _ in stream.index(below: 1 << 40) } == item.wide)
            #expect(stream.uniform() == item.last)
        }
    }

    @Test func python() {
        for item in cases.python {
            var stream = PythonRandom(seed: item.seed)
            #expect((0..<5).map { _ in stream.random() } == item.random)
            #expect(stream.choices(1000, count: 10) == item.choices)
            #expect(stream.sample(60, count: 30) == item.pool)
            #expect(stream.sample(1_000_000, count: 40) == item.set)
            #expect(stream.sample(1000, count: 5) == item.small)
            #expect(stream.sample(5, count: 5) == item.all)
            #expect(stream.sample(1 << 40, count: 6) == item.wide)
            #expect(stream.sample(1, count: 1) == item.one)
            #expect(stream.random() == item.last)
        }
    }

    @Test func goldenValuesOfTheReferenceExperiments() throws {
        var python = PythonRandom(seed: 42)
        #expect(python.choices(999, count: 10).map { $0 + 1 } == [639, 25, 275, 223, 736, 677, 892, 87, 422, 30])
        python = PythonRandom(seed: 42)
        #expect(Array(python.sample(20000, count: 10000).prefix(4)) == [3648, 819, 9012, 8024])
        var numpy = NumPyRandom(seed: 42)
        #expect(numpy.choice(5000, 4) == [1501, 2586, 2653, 1055])
        numpy = NumPyRandom(seed: 42)
        let order = numpy.permutation(20000)
        #expect(Array(order[..<3]) == [10650, 2041, 8668])
        #expect(Array(order[1000..<1003]) == [10399, 8972, 16702])
    }

    @Test func torch() throws {
        for item in cases.torch {
            let stream = TorchGenerator(seed: item.seed)
            for draw in item.draws {
                let values = try draws(draw, stream)
                #expect(values.count == draw.values.count)
                let exact = !draw.kind.hasPrefix("randn")
                let tolerance = draw.kind == "randnbf16" ? 0x1p-6 : draw.kind == "randnf16" ? 0x1p-9 : 1e-6
                for (got, wanted) in zip(values, draw.values) {
                    #expect(
                        exact ? got == wanted : abs(got - wanted) <= tolerance,
                        "got \(got), wanted \(wanted): seed \(item.seed) \(draw.kind) of \(draw.count), below \(draw.high ?? 0)"
                    )
                }
            }
        }
    }

    private func draws(_ draw: Cases.Draw, _ stream: TorchGenerator) throws -> [Double] {
        let shape = [draw.count]
        switch draw.kind {
        case "randn": return try Tensor.randn(shape, generator: stream).doubles()
        case "randn64": return try Tensor.randn(shape, generator: stream, dtype: .f64).doubles()
        case "randnbf16": return try Tensor.randn(shape, generator: stream, dtype: .bf16).doubles()
        case "randnf16": return try Tensor.randn(shape, generator: stream, dtype: .f16).doubles()
        case "rand": return try Tensor.rand(shape, generator: stream).doubles()
        case "rand64": return try Tensor.rand(shape, generator: stream, dtype: .f64).doubles()
        case "randbf16": return try Tensor.rand(shape, generator: stream, dtype: .bf16).doubles()
        case "randf16": return try Tensor.rand(shape, generator: stream, dtype: .f16).doubles()
        case "randperm": return try Tensor.randperm(draw.count, generator: stream).doubles()
        default: return try Tensor.randint(draw.low ?? 0, draw.high ?? 1, shape, generator: stream).doubles()
        }
    }

    @Test func latentsOfADiffusionModel() throws {
        let values = try Tensor.randn([1, 4, 64, 64], generator: TorchGenerator(seed: cases.latents.seed))
        for (got, wanted) in zip(try values.doubles(), cases.latents.head) { #expect(abs(got - wanted) <= 1e-6) }
        #expect(abs(try values.to(.f64).sum().item().double - cases.latents.sum) < 1e-3)
        let order = TorchGenerator(seed: cases.latents.seed).permutation(70000)
        #expect(Array(order.prefix(20)) + Array(order.suffix(20)) == cases.largePermutation)
    }
}
