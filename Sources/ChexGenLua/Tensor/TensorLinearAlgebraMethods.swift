import LuaRuntime
import Tensors

/// Matrix products and decompositions, in f32 and f64.
enum TensorLinearAlgebraMethods {
    private static let other = LuaParameter("other", .object("Tensor"), "The right-hand side.")

    static let all: [TensorMethods.Method] = [
        TensorMethods.method(
            "matmul", [other], returns: [LuaResult("product", .any, "A tensor; a number for two vectors.")],
            "The matrix product of vectors, matrices or batches of matrices, as `torch.matmul`."
        ) { tensor, arguments in
            let product = try tensor.matmul(arguments.tensor("other"))
            return [product.rank == 0 ? try .scalar(of: product) : .tensor(product)]
        },
        TensorMethods.method(
            "eigh", returns: results(("values", "Eigenvalues, ascending."), ("vectors", "Eigenvectors in columns.")),
            "Eigenvalues and eigenvectors of a symmetric matrix."
        ) { tensor, _ in
            let (values, vectors) = try tensor.eigh()
            return [.tensor(values), .tensor(vectors)]
        },
        TensorMethods.method(
            "svd",
            returns: results(("u", "Left vectors."), ("s", "Singular values, descending."), ("vh", "V transposed.")),
            "The reduced singular value decomposition U diag(S) Vh."
        ) { tensor, _ in
            let (u, s, vh) = try tensor.svd()
            return [.tensor(u), .tensor(s), .tensor(vh)]
        },
        TensorMethods.method(
            "qr", returns: results(("q", "Orthonormal columns."), ("r", "Upper triangle.")),
            "The reduced QR decomposition."
        ) { tensor, _ in
            let (q, r) = try tensor.qr()
            return [.tensor(q), .tensor(r)]
        },
        TensorMethods.method("cholesky", "The lower triangle L with L Lᵀ equal to this matrix.") { tensor, _ in
            [.tensor(try tensor.cholesky())]
        },
        TensorMethods.method("solve", [other], "X with self X = other.") { tensor, arguments in
            [.tensor(try tensor.solve(arguments.tensor("other")))]
        },
        TensorMethods.method("inv", "The inverse matrix.") { tensor, _ in [.tensor(try tensor.inv())] },
        scalar("det", "The determinant.") { try $0.det() },
        scalar("trace", "The sum of the diagonal.") { try $0.trace() },
    ]

    private static func scalar(
        _ name: String, _ text: String, _ compute: @escaping (Tensor) throws -> Tensor
    ) -> TensorMethods.Method {
        TensorMethods.method(name, returns: [LuaResult("value", .number, "The number.")], text) { tensor, _ in
            let result = try compute(tensor)
            return [result.rank == 0 ? try .scalar(of: result) : .tensor(result)]
        }
    }

    private static func results(_ list: (String, String)...) -> [LuaResult] {
        list.map { LuaResult($0.0, .object("Tensor"), $0.1) }
    }
}
