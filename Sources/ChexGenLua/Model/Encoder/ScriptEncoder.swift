import Encoders
import Foundation
import Identity
import Imaging
import LuaRuntime
import Tensors

/// An encoder that a script registered, as evaluations take it: its method `features` is given the images of a batch.
///
/// Scripts run on one thread, and so does `embed`; images are decoded and turned to RGB on all of them before.
final class ScriptEncoder: Encoder {
    let name: String
    let dtype: DType
    let outputs: [EncoderOutput]
    let files: [(file: String, sha256: String)] = []
    /// The files of its method and of its registration.
    let source: FeatureIdentity.Source
    private let object: LuaTable
    private let method: LuaFunction
    private let way: Protocol
    private let preprocessingText: String

    /// - Parameters:
    ///   - object: what `load` of the registered entry gave.
    ///   - name: what errors call it where it has no name.
    ///   - further: outputs that are asked of it beside the default one.
    ///   - registered: the model of its name, which may have given it.
    /// - Throws: `LuaError` for an object without the method.
    init(
        _ object: LuaTable, name: String, further: [String], registered: RegisteredModel?, _ way: Protocol,
        _ host: LuaHost
    ) throws {
        self.object = object
        self.way = way
        self.name = object["name"].stringValue ?? name
        dtype = object["dtype"].stringValue.flatMap(DType.init(rawValue:)) ?? .f32
        preprocessingText = object["preprocessing"].stringValue ?? "RGB, and what the script does"
        outputs =
            [EncoderOutput("features", width: object["dim"].integerValue ?? 0)]
            + further.filter { $0 != "features" }.map { EncoderOutput($0, width: 0) }
        method = try Self.method(host)
        guard case .function(let features)? = try method.call([.table(object), .string("features")]).first else {
            throw LuaError("encoder \"\(self.name)\": it has no method 'features'")
        }
        source = .script(
            hash: host.scriptHash(
                of: [features] + (registered.map { [$0.function] } ?? []), andCaller: registered?.caller))
    }

    /// Calls a method of an object wherever it comes from, or says whether it is there.
    private static func method(_ host: LuaHost) throws -> LuaFunction {
        let text = """
            return function(object, name, ...)
              if select("#", ...) == 0 then return type(object[name]) == "function" and object[name] end
              return (object[name](object, ...))
            end
            """
        guard case .function(let caller)? = try host.run(text, name: "encoder").first else {
            throw LuaError("encoder: the caller is no function")
        }
        return caller
    }

    func preprocessing(_ way: Protocol) -> String { "\(preprocessingText); \(way.rawValue)" }

    func preprocess(_ image: Image, protocol way: Protocol) throws -> Tensor {
        try image.converted(to: .rgb).tensor()
    }

    func embed(_ images: [Tensor], outputs: [String]) throws -> [Tensor] {
        let list = try images.map { LuaValue.object(ImageObject(try Image.from($0))) }
        return try outputs.map { output in
            var options: [(String, LuaValue)] = [
                ("batch", .integer(images.count)), ("protocol", .string(way.rawValue)),
            ]
            if output != "features" { options.append(("output", .string(output))) }
            let given = try method.call([
                .table(object), .string("features"), .table(LuaTable(array: list)), .fields(options),
            ])
            guard let tensor = (given.first?.objectValue as? TensorObject)?.tensor, tensor.rank == 2,
                tensor.shape[0] == images.count
            else {
                let got = (given.first?.objectValue as? TensorObject).map { Tensor.text($0.tensor.shape) }
                throw LuaError(
                    "encoder \"\(name)\": wanted a Tensor [\(images.count), D] of its method 'features', got "
                        + (got ?? given.first?.kind ?? "nothing"))
            }
            return try tensor.to(.f32)
        }
    }

    func forward(_ x: Tensor) throws -> Tensor { try embed(x) }
}
