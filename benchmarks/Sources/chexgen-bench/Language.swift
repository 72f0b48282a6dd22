import Foundation
import Language
import Tensors
import Threading

/// `write FOLDER DTYPE PROMPT TOKENS TEXTS`: greedy texts of so many tokens behind prompts of so many ids, together; or
/// `bandwidth`: the bytes a second that all threads read from memory, of half a GiB.
func benchLanguage(_ arguments: [String]) throws {
    if arguments == ["bandwidth"] { return try bandwidth() }
    guard arguments.count == 6, arguments[0] == "write", let prompt = Int(arguments[3]), let tokens = Int(arguments[4]),
        let texts = Int(arguments[5])
    else { throw Usage() }
    let model = try LanguageRegistry.standard.open(arguments[1], dtype: dtype(arguments, 2))
    let prompts = (0..<texts).map { text in
        Prompt(ids: (0..<prompt).map { 3 + ($0 * 7919 + text) % 500 })
    }
    var options = WritingOptions()
    (options.maximumTokens, options.batch) = (tokens, texts)
    // No id ends a text: those of the random weights' vocabulary that may are not allowed.
    options.allowed = 3...(model.vocabularySize - 1)
    _ = try model.generate([Prompt(ids: [5])], options, watch: nil)
    try serve {
        let written = try model.generate(prompts, options, watch: nil)
        return [Double(written.reduce(0) { $0 + $1.ids.count })]
    }
}

private func bandwidth() throws {
    let memory = try Tensor.full([1 << 27], .number(1))
    let lanes = memory.count / 64
    try serve {
        let start = DispatchTime.now().uptimeNanoseconds
        let total = try memory.withElements(Float.self) { values -> Float in
            guard let base = values.baseAddress else { return 0 }
            let address = UInt(bitPattern: base)
            let sums = Sums()
            Parallel.forRanges(lanes) { range in
                guard let base = UnsafePointer<Float>(bitPattern: address) else { return }
                var sums4 = (SIMD16<Float>.zero, SIMD16<Float>.zero, SIMD16<Float>.zero, SIMD16<Float>.zero)
                for lane in range {
                    let place = UnsafeRawPointer(base + lane * 64)
                    sums4.0 += place.loadUnaligned(as: SIMD16<Float>.self)
                    sums4.1 += place.loadUnaligned(fromByteOffset: 64, as: SIMD16<Float>.self)
                    sums4.2 += place.loadUnaligned(fromByteOffset: 128, as: SIMD16<Float>.self)
                    sums4.3 += place.loadUnaligned(fromByteOffset: 192, as: SIMD16<Float>.self)
                }
                sums.add((sums4.0 + sums4.1 + sums4.2 + sums4.3).sum())
            }
            return sums.total
        }
        let seconds = Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
        return [Double(memory.count * 4) / seconds, Double(total)]
    }
}

/// Sums of several threads.
private final class Sums: @unchecked Sendable {
    private let lock = NSLock()
    private(set) var total: Float = 0

    func add(_ value: Float) { lock.withLock { total += value } }
}
