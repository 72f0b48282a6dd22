import Checkpoints
import Encoders
import Engine
import Files
import Foundation
import Identity
import Imaging
import Networks
import Tensors
import TestSupport
import Testing

/// A weight file by the formula of Tests/Parity/generators/encoders_pairs.py, with tensors beside it that a published file has.
private func weights(
    _ scope: ParameterScope, _ path: String, salt: String, others: [(name: String, tensor: Tensor)]
) throws {
    let tensors = try scope.parameters.map { parameter in
        let factor: Float =
            parameter.name.contains("bn3.weight") ? 0.25 : parameter.name == "fc_end.weight" ? 8 : 1
        let values = weightValues(parameter.name, parameter.shape, salt: salt).map { $0 * factor }
        return (name: parameter.name, tensor: try Tensor(values, shape: parameter.shape))
    }
    try SafeTensors.write(path, tensors + others)
}

/// The films of the generator.
private func films() throws -> [Image] {
    try [("a", 150, 191, true), ("b", 200, 120, false), ("c", 330, 300, true)].map { name, height, width, isColour in
        let pixels = try bytesImage(name, height, width).array(UInt8.self)
        if isColour { return try Image(width: width, height: height, mode: .rgb, pixels: pixels) }
        let gray = stride(from: 0, to: pixels.count, by: 3).map { pixels[$0] / 2 + 30 }
        return try Image(width: width, height: height, mode: .gray, pixels: gray)
    }
}

@Suite(.serialized) struct PairEncoderTests {
    private static let reid: Result<Scratch, any Error> = Result {
        let folder = try Scratch()
        try weights(
            SiameseResNet().parameters, folder.path + "/reid.safetensors", salt: "reid.",
            others: [("model.bn1.num_batches_tracked", try Tensor([Int64(7)], shape: []))])
        return folder
    }

    private func reid(_ dtype: DType = .f32) throws -> PatientReID {
        try PatientReID(weights: Self.reid.get().path + "/reid.safetensors", dtype: dtype)
    }

    @Test func reidentificationEqualsTheAuthorsNetwork() throws {
        for (dtype, tolerance) in [(DType.f32, 1e-5), (.bf16, 3e-2)] {
            let encoder = try reid(dtype)
            #expect(encoder.dimension == 128 && encoder.files.count == 1)
            for way in Protocol.allCases {
                let features = try encoder.features(images: films(), protocol: way)
                let wanted = try expectedText("pairs", "reid.\(way.rawValue)")
                #expect(try relativeError(features, wanted, width: 128) < tolerance, "\(way) \(dtype)")
                let values = try features.array(Float.self)
                let turned = try Tensor(Array(values[256...] + values[..<256]), shape: [3, 128])
                let same = try encoder.similarity(features, turned).array(Float.self)
                for (found, wanted) in zip(same, try expectedText("pairs", "reid.\(way.rawValue).same")) {
                    #expect(abs(Double(found - wanted)) < 10 * tolerance)
                }
                let all = try encoder.similarities(features, features)
                #expect(try all.shape == [3, 3] && all.select(0, 1).select(0, 0).array(Float.self) == [same[1]])
                // A film beside itself has the score of no difference, which is the same for all films.
                #expect(try Set((0..<3).map { try all.array(Float.self)[4 * $0] }).count == 1)
            }
        }
    }

    @Test func imagesOfSeveralSizesAreGivenAsTheyAre() throws {
        let encoder = try reid()
        let inputs = try [bytesImage("x", 64, 64), bytesImage("y", 96, 64), bytesImage("z", 64, 64)]
        let together = try encoder.embed(inputs, outputs: ["sigmoid"])[0].array(Float.self)
        for (row, input) in inputs.enumerated() {
            let alone = try encoder.embed([input], outputs: ["sigmoid"])[0].array(Float.self)
            #expect(Array(together[row * 128..<(row + 1) * 128]) == alone)
        }
        #expect(try encoder.features(images: [], protocol: .exact).shape == [0, 128])
        #expect(throws: TensorError.self) { try encoder.embed([bytesImage("x", 16, 64)], outputs: ["sigmoid"]) }
        #expect(throws: TensorError.self) { try encoder.similarity(.zeros([2, 128]), .zeros([3, 128])) }
        #expect(throws: TensorError.self) { try encoder.similarities(.zeros([2, 64]), .zeros([3, 64])) }
    }

    @Test func filmsEqualBioViLT() throws {
        let folder = try Scratch()
        try weights(
            BioViLTImageNetwork().parameters, folder.path + "/" + BioViLT.imageFile, salt: "biovil.",
            others: [
                ("encoder.encoder.fc.weight", try .zeros([1000, 2048])),
                ("encoder.vit_pooler.type_embed", try .zeros([2])),
                ("projector.model.1.num_batches_tracked", try Tensor([Int64(1)], shape: [])),
            ])
        for (dtype, tolerance) in [(DType.f32, 2e-5), (.bf16, 3e-2)] {
            let encoder = try BioViLTImages(weights: folder.path, dtype: dtype)
            for way in Protocol.allCases {
                let vectors = try encoder.features(images: films(), protocol: way)
                #expect(try relativeError(vectors, expectedText("pairs", "biovil"), width: 128) < tolerance)
            }
        }
        // A film of one value has no range to stretch over; one of 16 bits is stretched whole.
        let encoder = try BioViLTImages(weights: folder.path, dtype: .f32)
        let flat = try Image(width: 600, height: 500, mode: .gray, pixels: [UInt8](repeating: 9, count: 300_000))
        #expect(try encoder.preprocess(flat, protocol: .exact).array(UInt8.self).allSatisfy { $0 == 0 })
        let wide = try Image(
            width: 3, height: 1, mode: .gray16,
            pixels: [UInt16(1000), 2500, 4000].flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] })
        #expect(try wide.stretched().pixels == [0, 127, 255])
        #expect(throws: FileError.self) { try BioViLTImages(weights: Scratch().path, dtype: .f32) }
    }
}
