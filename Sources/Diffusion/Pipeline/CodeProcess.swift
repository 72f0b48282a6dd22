import Tensors

/// Pictures of a model that writes their codes: one step writes them all. A process that was stopped within it begins anew, to the same
/// codes; those that are written are kept.
final class CodeProcess: GenerationProcess {
    private let shape: [Int]
    private let size: Int
    private let write: () throws -> [[Int]]
    /// The codes i64 `[N, T]`; none before they are written.
    private(set) var latents: Tensor

    /// - Parameters:
    ///   - perPicture: codes of a picture.
    ///   - codes: how many codes there are.
    ///   - write: writes the codes of every picture.
    init(pictures: Int, perPicture: Int, codes: Int, write: @escaping () throws -> [[Int]]) throws {
        latents = try Tensor.zeros([pictures, 0], .i64)
        shape = [pictures, perPicture]
        size = codes
        self.write = write
    }

    /// The codes; nil before they are written.
    var codes: Tensor? { stepsDone == 0 ? nil : latents }
    /// No text is cut.
    var lostTokens: [Int] { [Int](repeating: 0, count: shape[0]) }
    let steps = 1
    private(set) var stepsDone = 0

    func advance() throws {
        guard codes == nil else { throw fault("all codes are written") }
        try take(write())
    }

    /// Codes that are written.
    func take(_ pictures: [[Int]]) throws {
        latents = try Tensor(pictures.joined().map(Int64.init), shape: shape)
        stepsDone = 1
    }

    func state() throws -> [String: Tensor] { codes.map { ["codes": $0] } ?? [:] }

    func restore(_ state: [String: Tensor]) throws {
        guard let saved = state["codes"], saved.dtype == .i64, saved.shape == shape,
            try saved.array(Int64.self).allSatisfy({ $0 >= 0 && $0 < size })
        else { throw fault("the saved state has no codes i64 \(Tensor.text(shape)) below \(size)") }
        latents = try saved.clone()
        stepsDone = 1
    }

    private func fault(_ message: String) -> TensorError { .value(operation: "generate", message: message) }
}
