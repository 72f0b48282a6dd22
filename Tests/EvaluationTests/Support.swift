import Encoders
import Files
import Foundation
import Identity
import Imaging
import Tensors
import TestSupport

extension Scratch {
    /// A gray film of a pattern that `seed` decides.
    func film(_ name: String, seed: Int, side: Int = 40) throws -> String {
        let pixels = (0..<side * side).map { UInt8(truncatingIfNeeded: ($0 &* (2 * seed + 3)) >> 3 ^ $0 / side) }
        let file = path + "/" + name
        try Image(width: side, height: side, mode: .gray, pixels: pixels).save(file)
        return file
    }

    /// A film of one grey level.
    func flat(_ name: String, _ level: UInt8 = 0) throws -> String {
        let file = path + "/" + name
        try Image(width: 40, height: 40, mode: .gray, pixels: [UInt8](repeating: level, count: 1600)).save(file)
        return file
    }

    /// A film of 16 bits whose samples reach `highest`.
    func deep(_ name: String, highest: UInt16) throws -> String {
        let samples = (0..<1600).map { UInt16(Int(highest) * $0 / 1599) }
        let file = path + "/" + name
        let pixels = samples.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
        try Image(width: 40, height: 40, mode: .gray16, pixels: pixels).save(file)
        return file
    }
}

/// The SHA-256 of a text.
func sha(_ text: String) -> String { SHA256.hex(of: text) }

/// An encoder from outside of the program: mean and extremes of an image's grey levels, no weights.
final class LevelsEncoder: Encoder {
    static let entry = EncoderEntry(
        name: "levels", about: "mean and extremes of grey levels", columnEnding: " (Levels)",
        roles: [.neighbours: .init(output: "levels", columnEnding: " (Levels)")],
        weights: .init(place: "none", hint: "nothing to get"), outputs: ["levels", "mean"],
        load: { _, compute in LevelsEncoder(compute.dtype) }, parameters: { _ in [] })

    let name = "levels"
    let dtype: DType
    let outputs = [EncoderOutput("levels", width: 3), EncoderOutput("mean", width: 1)]
    let files: [(file: String, sha256: String)] = []
    var source = FeatureIdentity.Source.formula
    var cutsSamples = true
    /// How many images were prepared and embedded.
    private(set) var embedded = 0
    private let lock = NSLock()
    private(set) var prepared = 0

    init(_ dtype: DType = .f32) { self.dtype = dtype }

    func preprocessing(_ way: Protocol) -> String { "gray, \(way.rawValue)" }

    func preprocess(_ image: Image, protocol way: Protocol) throws -> Tensor {
        lock.withLock { prepared += 1 }
        return try image.converted(to: .gray).tensor()
    }

    func embed(_ images: [Tensor], outputs: [String]) throws -> [Tensor] {
        embedded += images.count
        let levels = try images.map { image -> [Float] in
            let bytes = try image.array(UInt8.self)
            let sum = bytes.reduce(0) { $0 + Int($1) }
            return [Float(sum) / Float(bytes.count), Float(bytes.min() ?? 0), Float(bytes.max() ?? 0)]
        }
        return try outputs.map { output in
            output == "mean"
                ? try Tensor(levels.map { $0[0] }, shape: [images.count, 1])
                : try Tensor(levels.flatMap { $0 }, shape: [images.count, 3])
        }
    }

    func forward(_ x: Tensor) throws -> Tensor { try embed(x) }
}
