import Tensors
import Testing

@Suite struct ViewTests {
    private func counting(_ shape: [Int]) throws -> Tensor {
        try Tensor.arange(.integer(0), .integer(shape.reduce(1, *)), dtype: .f32).reshaped(shape)
    }

    @Test func viewsShareMemory() throws {
        let t = try counting([3, 4])
        try t.select(0, 1).fill(.integer(-1))
        try t.narrow(1, 2, 1).assign(from: try Tensor.full([1], .integer(9)))
        #expect(try t.doubles() == [0, 1, 9, 3, -1, -1, 9, -1, 8, 9, 9, 11])
        try t.transposed(0, 1).select(0, 0).assign(from: try Tensor.arange(.integer(5), .integer(8)))
        #expect(try t.select(1, 0).doubles() == [5, 6, 7])
        try t.reshaped([2, 6]).select(0, -1).fill(.number(0.5))
        #expect(try t.select(0, -1).doubles() == [0.5, 0.5, 0.5, 0.5])
    }

    @Test func assignmentWithinOneMemoryReadsFirst() throws {
        let t = try counting([6])
        try t.narrow(0, 1, 5).assign(from: try t.narrow(0, 0, 5))
        #expect(try t.doubles() == [0, 0, 1, 2, 3, 4])
        let square = try counting([3, 3])
        try square.assign(from: try square.transposed(0, 1))
        #expect(try square.doubles() == [0, 3, 6, 1, 4, 7, 2, 5, 8])
    }

    @Test func mappedFilesAreNotWritten() throws {
        let t = try counting([4])
        let borrowed = Storage(borrowing: t.storage.bytes, byteCount: 16, owner: t.storage)
        let view = try Tensor(storage: borrowed, dtype: .f32, shape: [4], strides: [1], offset: 0)
        #expect(throws: TensorError.self) { try view.fill(.integer(0)) }
        #expect(throws: TensorError.self) { try view.assign(from: t) }
        try view.clone().fill(.integer(0))
        #expect(try view.doubles() == [0, 1, 2, 3])
    }

    @Test func reshapeKeepsViewsWhereStridesAllow() throws {
        let t = try counting([2, 3, 4])
        let permuted = try t.permuted([2, 0, 1])
        #expect(try permuted.reshaped([4, 6]).storage === t.storage)
        #expect(try permuted.reshaped([4, 6]).doubles() == permuted.doubles())
        #expect(try permuted.reshaped([2, 2, 6]).storage === t.storage)
        let swapped = try t.transposed(0, 1)
        #expect(try swapped.reshaped([6, 4]).storage !== t.storage)
        #expect(try swapped.reshaped([3, 2, 2, 2]).storage === t.storage)
        #expect(try swapped.reshaped([3, 8]).doubles() == swapped.doubles())
        #expect(try t.reshaped([4, -1]).shape == [4, 6])
    }

    @Test func indexesCountFromTheBaseAndFromTheEnd() throws {
        let t = try counting([3, 2])
        let indices = try Tensor.from(integers: [1, 3, -1], shape: [3], dtype: .i32)
        #expect(try t.index(0, indices, base: 1).doubles() == [0, 1, 4, 5, 4, 5])
        #expect(throws: TensorError.self) {
            _ = try t.index(0, try Tensor.from(integers: [0], shape: [1]), base: 1)
        }
    }

    @Test func conversionsSaturate() throws {
        let wild = try Tensor(
            [Double.nan, .infinity, -.infinity, 1e300, -1e300, 3e9, -1.9, 256.7, -1], shape: [9])
        #expect(
            try wild.to(.i32).scalars()
                == [
                    0, 2_147_483_647, -2_147_483_648, 2_147_483_647, -2_147_483_648,
                    2_147_483_647, -1, 256, -1,
                ].map { .integer($0) })
        #expect(try wild.to(.i64).element(at: [1]) == .integer(.max))
        #expect(try wild.to(.i64).element(at: [4]) == .integer(.min))
        #expect(try wild.to(.u8).narrow(0, 5, 4).scalars() == [0, 255, 0, 255].map { .integer($0 == 0 ? 0 : $0) })
        #expect(try wild.to(.bool).all().item() == .bool(true))
        #expect(try wild.to(.f16).element(at: [3]) == .number(.infinity))
        #expect(try Tensor.full([], .integer(300), .i32).to(.u8).item() == .integer(44))
    }

    @Test func scalarsPromoteAsInPyTorch() throws {
        let bytes = try Tensor.full([2], .integer(200), .u8)
        #expect(try Tensor.binary(.add, bytes, .integer(100)).doubles() == [44, 44])
        #expect(try Tensor.binary(.add, bytes, .number(0.5)).dtype == .f32)
        #expect(try Tensor.binary(.less, bytes, .integer(300)).all().item() == .bool(true))
        #expect(try Tensor.binary(.add, try bytes.to(.bool), .integer(1)).dtype == .i64)
        #expect(try Tensor.binary(.divide, bytes, .integer(2)).dtype == .f32)
        #expect(try Tensor.binary(.power, try bytes.to(.bf16), .number(0.5)).dtype == .bf16)
        #expect(DType.promoted(.bf16, .f16) == .f32)
        #expect(DType.promoted(.i64, .f16) == .f16)
        #expect(DType.promoted(.u8, .bool) == .u8)
    }

    @Test func descriptionsShowTheEdges() throws {
        #expect(try Tensor.ones([2, 2]).description == "Tensor f32 [2, 2]\n[[1., 1.],\n [1., 1.]]")
        #expect(try Tensor.full([], .number(0.25)).description == "Tensor f32 []\n0.2500")
        let long = try Tensor.arange(.integer(0), .integer(2000))
        #expect(long.description == "Tensor i64 [2000]\n[   0,    1,    2, ..., 1997, 1998, 1999]")
        #expect(try Tensor.full([2], .number(.nan)).description == "Tensor f32 [2]\n[nan, nan]")
        #expect(try Tensor([1e-7, 2.0], shape: [2]).description == "Tensor f64 [2]\n[1.0000e-07, 2.0000e+00]")
        #expect(try Tensor.zeros([0, 2]).description == "Tensor f32 [0, 2]")
    }
}
