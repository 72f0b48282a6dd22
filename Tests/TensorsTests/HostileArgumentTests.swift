import Foundation
import Tensors
import Testing

extension SerialTests {
    /// Whatever a script asks for, an operation answers or throws a `TensorError`; it never stops the process.
    @Suite struct HostileArgumentTests {
        @Test func wrongShapesAreErrors() throws {
            let huge = 1 << 62
            let calls: [(String, () throws -> Any)] = [
                ("negative", { try Tensor.zeros([2, -1]) }),
                ("overflow", { try Tensor.zeros([huge, 4]) }),
                ("bytes", { try Tensor.zeros([1 << 60], .f64) }),
                ("hidden overflow", { try Tensor.zeros([0, huge, huge]) }),
                ("rank", { try Tensor.zeros([Int](repeating: 1, count: 9)) }),
                ("memory", { try Tensor.zeros([1 << 50]) }),
                ("full", { try Tensor.full([1 << 50], .integer(1)) }),
                ("eye", { try Tensor.eye(huge) }),
                ("eye", { try Tensor.eye(-1) }),
                ("linspace", { try Tensor.linspace(0, 1, count: -1) }),
                ("linspace", { try Tensor.linspace(0, 1, count: 1 << 59) }),
                ("arange", { try Tensor.arange(.integer(0), .integer(10), step: .integer(0)) }),
                ("arange", { try Tensor.arange(.integer(0), .integer(10), step: .integer(-1)) }),
                ("arange", { try Tensor.arange(.number(0), .number(.nan)) }),
                ("arange", { try Tensor.arange(.number(0), .number(.infinity)) }),
                ("arange", { try Tensor.arange(.integer(.min), .integer(.max)) }),
                ("arange", { try Tensor.arange(.number(0), .number(1), step: .number(1e-300)) }),
                ("rand", { try Tensor.rand([1 << 50], generator: TorchGenerator(seed: 1)) }),
                ("rand", { try Tensor.rand([2], generator: TorchGenerator(seed: 1), dtype: .i64) }),
                ("randn", { try Tensor.randn([-3], generator: TorchGenerator(seed: 1)) }),
                ("randperm", { try Tensor.randperm(1 << 58, generator: TorchGenerator(seed: 1)) }),
                ("randperm", { try Tensor.randperm(-1, generator: TorchGenerator(seed: 1)) }),
                ("randint", { try Tensor.randint(3, 3, [2], generator: TorchGenerator(seed: 1)) }),
                ("randint", { try Tensor.randint(.min, .max, [2], generator: TorchGenerator(seed: 1)) }),
                ("values", { try Tensor([Float](repeating: 0, count: 5), shape: [2, 2]) }),
            ]
            for (name, call) in calls { #expect(throws: TensorError.self, "\(name)") { _ = try call() } }
        }

        @Test func wrongArgumentsAreErrors() throws {
            let t = try Tensor.arange(.integer(0), .integer(12), dtype: .f32).reshaped([3, 4])
            let other = try Tensor.ones([3, 5])
            let empty = try Tensor.zeros([0, 3])
            let extremes = [Int.min, -(1 << 40), -4, 4, 1 << 40, Int.max]
            var calls: [() throws -> Any] = []
            for extreme in extremes {
                calls += [
                    { try t.select(extreme, 0) }, { try t.narrow(extreme, 0, 1) }, { try t.sum(extreme) },
                    { try t.softmax(extreme) }, { try t.sort(extreme) }, { try t.unsqueezed(extreme) },
                    { try t.transposed(0, extreme) }, { try t.permuted([0, extreme]) }, { try t.max(extreme) },
                    { try t.argmin(extreme) }, { try Tensor.cat([t, t], axis: extreme) },
                    { try Tensor.stack([t, t], axis: extreme) }, { try t.squeezed(extreme) },
                    { try t.narrow(0, 0, extreme) }, { try t.narrow(0, extreme, 1) }, { try t.expanded([extreme, 4]) },
                    { try t.reshaped([extreme, 5]) }, { try t.reshaped([extreme, extreme]) },
                    { try t.topk(extreme, 0) }, { try t.element(at: [extreme, 0]) }, { try t.cumsum(extreme) },
                ]
                if extreme != -4 { calls.append { try t.index(1, try Tensor.from(integers: [extreme], shape: [1])) } }
                calls.append { try t.select(0, extreme) }
            }
            calls += [
                { try t.permuted([0, 0]) }, { try t.permuted([0]) }, { try t.expanded([4]) },
                { try t.expanded([3, -2]) },
                { try t.reshaped([-1, -1]) }, { try empty.reshaped([-1, 0]) }, { try t.item() }, { try empty.item() },
                { try t.element(at: [0]) }, { try Tensor.binary(.add, t, other) }, { try t.matmul(other) },
                { try t.matmul(try t.to(.f64)) }, { try t.matmul(try Tensor.full([], .integer(1))) },
                { try Tensor.cat([], axis: 0) }, { try Tensor.stack([]) }, { try Tensor.cat([t, other], axis: 0) },
                { try Tensor.stack([t, other]) }, { try empty.max() }, { try empty.min() }, { try empty.argmax() },
                { try empty.max(0) }, { try t.maskedSelect(t) }, { try t.index(0, t) },
                { try t.index(0, try Tensor.zeros([1, 1], .i64)) }, { try t.clamp(nil, nil) },
                { try t.clamp(.number(.nan), nil) }, { try t.norm(order: .nan) }, { try t.allclose(other) },
                { try t.allclose(t, relative: -1) }, { try t.to(.bool).unary(.negative) },
                { try Tensor.binary(.subtract, try t.to(.bool), try t.to(.bool)) },
                { try Tensor.binary(.add, try t.to(.u8), .integer(300)) }, { try t.to(.i64).pow(.integer(-1)) },
                { try Tensor.full([2], .number(.nan), .i64) }, { try Tensor.full([2], .integer(-1), .u8) },
                { try t.eigh() }, { try t.inv() }, { try t.det() }, { try t.cholesky() }, { try t.solve(t) },
                { try t.sum(0).svd() }, { try t.sum(0).qr() }, { try t.sum(0).trace() },
                { try t.assign(from: other) }, { try t.expanded([2, 3, 4]).fill(.integer(1)) },
                { try t.expanded([2, 3, 4]).assign(from: t) }, { try t.withElements(Double.self) { _ in } },
                { try t.transposed(0, 1).withElements(Float.self) { _ in } },
                { try Tensor(storage: t.storage, dtype: .f32, shape: [100], strides: [1], offset: 0) },
                { try Tensor(storage: t.storage, dtype: .f32, shape: [2], strides: [.max], offset: 1) },
                { try Tensor(storage: t.storage, dtype: .f32, shape: [2], strides: [-1], offset: 0) },
                { try Tensor(storage: t.storage, dtype: .f32, shape: [2], strides: [], offset: 0) },
            ]
            for (index, call) in calls.enumerated() {
                #expect(throws: TensorError.self, "call \(index)") { _ = try call() }
            }
            #expect(try t.allclose(try Tensor.arange(.integer(0), .integer(12), dtype: .f32).reshaped([3, 4])))
        }

        /// Every operation on tensors without elements, of one element and of no dimension.
        @Test func emptyTensorsHaveResults() throws {
            for shape in [[0], [0, 3], [3, 0], [2, 0, 4], [], [1], [1, 1, 1]] {
                for dtype in DType.allCases {
                    let t = try Tensor.full(shape, .integer(1), dtype)
                    for operation in UnaryOperation.allCases where !(operation == .negative && dtype == .bool) {
                        #expect(try t.unary(operation).shape == shape)
                    }
                    for operation in BinaryOperation.allCases where !(operation == .subtract && dtype == .bool) {
                        #expect(try Tensor.binary(operation, t, t).shape == shape)
                        #expect(try Tensor.binary(operation, t, .integer(1)).shape == shape)
                        #expect(try Tensor.binary(operation, .number(1), t).shape == shape)
                    }
                    for result in [
                        try t.sum(), try t.prod(), try t.mean(), try t.variance(), try t.std(), try t.norm(),
                    ] {
                        #expect(result.shape == [])
                    }
                    #expect(try t.all().item() == .bool(true))
                    #expect(try t.any().item() == .bool(t.count > 0))
                    for axis in shape.indices {
                        let kept = shape.enumerated().filter { $0.offset != axis }.map(\.element)
                        #expect(try t.sum(axis).shape == kept)
                        #expect(try t.mean(axis).shape == kept)
                        #expect(try t.variance(axis).shape == kept)
                        #expect(try t.softmax(axis).shape == shape)
                        #expect(try t.cumsum(axis).shape == shape)
                        #expect(try t.sort(axis).indices.shape == shape)
                        #expect(try t.topk(0, axis).values.shape[axis] == 0)
                        #expect(try Tensor.cat([t, t], axis: axis).count == 2 * t.count)
                        #expect(try t.index(axis, try Tensor.zeros([0], .i64)).count == 0)
                        #expect(try t.narrow(axis, shape[axis], 0).clone().count == 0)
                        #expect(try t.transposed(0, axis).clone().count == t.count)
                    }
                    #expect(try t.maskedSelect(try t.to(.bool)).shape == [t.count])
                    #expect(try t.reshaped([t.count]).count == t.count)
                    #expect(try Tensor.stack([t, t]).shape == [2] + shape)
                    #expect(try t.clamp(.integer(0), .integer(1)).shape == shape)
                    #expect(try t.allclose(t))
                    #expect(!t.description.isEmpty)
                }
            }
            let nothing = try Tensor.zeros([0, 0])
            #expect(try nothing.eigh().vectors.shape == [0, 0])
            #expect(try nothing.inv().shape == [0, 0])
            #expect(try nothing.cholesky().shape == [0, 0])
            #expect(try nothing.det().item() == .number(1))
            #expect(try nothing.trace().item() == .number(0))
            #expect(try Tensor.zeros([3, 0]).svd().s.shape == [0])
            #expect(try Tensor.zeros([0, 3]).qr().r.shape == [0, 3])
            #expect(try Tensor.zeros([2, 0]).matmul(try Tensor.zeros([0, 3])).doubles() == [0, 0, 0, 0, 0, 0])
            #expect(try Tensor.zeros([0, 2]).matmul(try Tensor.zeros([2, 3])).shape == [0, 3])
        }

        /// What asks which elements there are looks at one of those that an expanded dimension repeats.
        @Test func repeatsAreLookedAtOnce() throws {
            let long = 1 << 40
            let many = try Tensor([Float](arrayLiteral: 3, -1, 2), shape: [3, 1]).expanded([3, long])
            #expect(try many.min().item() == .number(-1) && many.max().item() == .number(3))
            #expect(try many.argmin().item() == .integer(long) && many.argmax().item() == .integer(0))
            #expect(try many.all().item() == .bool(true) && many.any().item() == .bool(true))
            #expect(try many.norm(order: .infinity).item() == .number(3))
            let (values, indices) = try many.max(1)
            #expect(try values.doubles() == [3, -1, 2] && indices.doubles() == [0, 0, 0])
            let back = try Tensor([Int64](arrayLiteral: 0, 7), shape: [2]).expanded([long, 2])
            #expect(try back.argmax().item() == .integer(1) && back.all().item() == .bool(false))
            #expect(try back.min(0, keepDimension: true).values.doubles() == [0, 7])
            let small = try Tensor([Float](arrayLiteral: 1, 4, 4), shape: [3, 1]).expanded([2, 3, 5])
            #expect(try small.argmax().item() == small.clone().argmax().item())
            #expect(throws: TensorError.self) { _ = try many.max(2) }
        }

        @Test func theMemoryLimitIsKept() throws {
            let before = Storage.limit
            defer { Storage.limit = before }
            Storage.limit = Storage.bytesAlive + (1 << 30)
            #expect(throws: TensorError.self) { _ = try Tensor.zeros([1 << 29]) }
            #expect(throws: TensorError.self) { _ = try Tensor.ones([1]).expanded([1 << 40]).clone() }
            #expect(throws: TensorError.self) { _ = try Tensor.ones([1]).expanded([1 << 40]).scalars() }
            #expect(throws: TensorError.self) { _ = try Tensor.ones([1]).expanded([1 << 40]).unary(.exp) }
        }
    }
}
