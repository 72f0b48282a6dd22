import ArrayKernels
import Tensors
import TestSupport
import Testing

extension SerialTests {
    @Suite struct LinearAlgebraTests {
        private let generator = TorchGenerator(seed: 11)

        private func normal(_ shape: [Int], _ dtype: DType = .f64) throws -> Tensor {
            try Tensor.randn(shape, generator: generator, dtype: dtype)
        }

        /// A batch of one and a batch of many give the same bits: the rows of a product do not know of each other.
        @Test func rowsOfAProductDoNotDependOnTheirNumber() throws {
            for (k, n) in [
                (5, 3), (64, 10), (768, 14), (768, 768), (300, 50), (777, 33), (2048, 1), (3000, 1), (128, 1000),
            ] {
                let right = try normal([k, n], .f32)
                let transposed = try right.transposed(0, 1).contiguous().transposed(0, 1)
                let left = try normal([300, k], .f32)
                for weights in [right, transposed] {
                    let all = try left.matmul(weights)
                    for rows in [1, 2, 3, 7, 16, 33, 64, 150] {
                        let part = try left.narrow(0, 0, rows).matmul(weights).doubles()
                        #expect(try all.narrow(0, 0, rows).doubles() == part, "\(rows) rows of \(k) by \(n)")
                        let vector = try left.select(0, rows).matmul(weights).doubles()
                        #expect(try all.select(0, rows).doubles() == vector, "row \(rows) of \(k) by \(n)")
                    }
                }
            }
        }

        /// Processors with short vectors and with long ones give the same bits, which are those of products in f64 rounded.
        @Test func productsOfAllProcessorsAreTheSame() throws {
            var random = SeededGenerator()
            for _ in 0..<40 {
                let (m, k, n) = (
                    Int.random(in: 1...40, using: &random), Int.random(in: 1...1500, using: &random),
                    Int.random(in: 1...200, using: &random)
                )
                let generator = TorchGenerator(seed: random.next())
                let left = try Tensor.randn([m, k], generator: generator, dtype: .f32)
                let right = try Tensor.randn([n, k], generator: generator, dtype: .f32)
                let expected = try left.to(.f64).matmul(right.to(.f64).transposed(0, 1)).doubles()
                func product(isShort: Bool) throws -> [Float] {
                    let result = try Tensor(uninitialized: [m, n])
                    try left.withElements(Float.self) { a in
                        try right.withElements(Float.self) { b in
                            try result.withElements(Float.self) { c in
                                let (a, b, c) = try (
                                    #require(a.baseAddress), #require(b.baseAddress), #require(c.baseAddress)
                                )
                                let right = PanelProducts.Right(b, down: 1, across: k)
                                #expect(PanelProducts.multiply(a, right, c, m: m, n: n, k: k, isShort: isShort))
                            }
                        }
                    }
                    return try result.array(Float.self)
                }
                let (short, long) = (try product(isShort: true), try product(isShort: false))
                #expect(short == long, "\(m) by \(k) by \(n)")
                let tolerance = 1e-5 * Double(k).squareRoot()
                #expect(zip(long, expected).allSatisfy { abs(Double($0) - $1) <= tolerance }, "\(m) by \(k) by \(n)")
            }
        }

        @Test func eigenvectorsAndSingularVectorsRebuildTheirMatrices() throws {
            for dtype in [DType.f64, .f32] {
                let a = try normal([3, 9, 9], dtype)
                let symmetric = try Tensor.binary(.add, a, try a.transposed(1, 2))
                let (values, vectors) = try symmetric.eigh()
                let scaled = try Tensor.binary(.multiply, vectors, try values.unsqueezed(1))
                let tolerance = dtype == .f64 ? 1e-12 : 1e-5
                let rebuilt = try scaled.matmul(try vectors.transposed(1, 2))
                #expect(try rebuilt.allclose(symmetric, relative: tolerance, absolute: tolerance))
                for sizes in [[2, 5, 8], [2, 8, 5], [1, 1, 4], [7, 3]] {
                    let matrix = try normal(sizes, dtype)
                    let (u, s, vh) = try matrix.svd()
                    let product = try Tensor.binary(.multiply, u, try s.unsqueezed(-2)).matmul(vh)
                    #expect(try product.allclose(matrix, relative: tolerance, absolute: tolerance))
                    let (q, r) = try matrix.qr()
                    #expect(try q.matmul(r).allclose(matrix, relative: tolerance, absolute: tolerance))
                }
            }
        }

        @Test func onlyTheLowerTriangleIsRead() throws {
            let lower = try Tensor([4.0, 99, 2, 5], shape: [2, 2])
            #expect(try lower.cholesky().doubles() == [2, 0, 1, 2])
            let values = try lower.eigh().values.doubles()
            #expect(abs(values[0] + values[1] - 9) < 1e-12)
        }

        @Test func singularMatricesAreErrors() throws {
            let singular = try Tensor([1.0, 2, 2, 4], shape: [2, 2])
            let nearly = try Tensor((1...9).map(Double.init), shape: [3, 3])
            let broken = try Tensor([1.0, .nan, 2, 4], shape: [2, 2])
            for matrix in [singular, nearly] {
                #expect(throws: TensorError.self) { _ = try matrix.inv() }
                #expect(throws: TensorError.self) { _ = try matrix.solve(try matrix.select(1, 0)) }
            }
            #expect(throws: TensorError.self) { _ = try Tensor.zeros([2, 2]).inv() }
            #expect(throws: TensorError.self) { _ = try Tensor([1.0, 2, 2, 1], shape: [2, 2]).cholesky() }
            for call in [
                { _ = try broken.inv() }, { _ = try broken.eigh() }, { _ = try broken.svd() }, { _ = try broken.det() },
            ] {
                #expect(throws: TensorError.self) { try call() }
            }
            #expect(try singular.det().item() == .number(0))
        }

        @Test func solvesVectorsMatricesAndBatches() throws {
            let a = try Tensor.binary(
                .add, try normal([2, 4, 4]), try Tensor.binary(.multiply, try Tensor.eye(4, nil, .f64), .integer(9)))
            let side = try normal([4, 3])
            let solution = try a.solve(side)
            #expect(solution.shape == [2, 4, 3])
            let back = try a.matmul(solution)
            #expect(try back.allclose(try side.expanded([2, 4, 3]), relative: 1e-10))
            #expect(try a.select(0, 0).solve(try side.select(1, 0)).shape == [4])
            #expect(
                try a.matmul(try a.inv()).allclose(try Tensor.eye(4, nil, .f64).expanded([2, 4, 4]), absolute: 1e-10))
        }

        @Test func threadsAreSetOnce() throws {
            let before = Threads.count
            let a = try normal([400, 300], .f32)
            let one = try a.matmul(try a.transposed(0, 1))
            let sums = try (a.sum(), a.sum(0), a.sum(1), a.std(0))
            try Threads.set(before == 1 ? 2 : 1)
            #expect(try a.matmul(try a.transposed(0, 1)).doubles() == one.doubles())
            #expect(try a.sum().doubles() == sums.0.doubles())
            #expect(try a.sum(0).doubles() == sums.1.doubles())
            #expect(try a.sum(1).doubles() == sums.2.doubles())
            #expect(try a.std(0).doubles() == sums.3.doubles())
            try Threads.set(before)
            #expect(throws: TensorError.self) { try Threads.set(0) }
        }
    }
}
