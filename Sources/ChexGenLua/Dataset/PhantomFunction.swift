import Files
import Foundation
import LuaRuntime
import Runs
import Tensors

/// `dataset.phantom`: declared here like any function, and written in Lua, `lua/chexgen/phantom.lua`.
enum PhantomFunction {
    private static let options: [LuaParameter] = [
        LuaParameter("n", .integer, default: .integer(16), "Films, 1 to 1000000."),
        LuaParameter("seed", .integer, optional: true, "What the films depend on; the run's seed where absent."),
        LuaParameter("size", .integer, default: .integer(256), "Pixels a side, 64 to 2048."),
        LuaParameter(
            "pathologies", .list(.string), optional: true,
            "What patients may suffer from: Atelectasis, Cardiomegaly, Consolidation, Edema, Lung Lesion, Pleural Effusion, "
                + "Pneumothorax, Support Devices; all of them where absent, nothing where empty."),
        LuaParameter(
            "flawed", .boolean, default: .boolean(false),
            "Whether the films answer the same captions with other bodies and the mistakes of a generator."),
        LuaParameter(
            "folder", .string, optional: true,
            "Where the images and their table `annotations.csv` go; below the run folder where absent."),
    ]

    static func declaration(_ session: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "phantom", [LuaParameter("options", .options(options), default: .table(LuaTable()), "Which films.")],
            returns: [
                LuaResult(
                    "dataset", .object("Dataset"),
                    "Columns `id`, `path`, `view`, `chexpert_labels`, `annotated_prompt` and `patientID`.")
            ],
            "Draws frontal chest radiographs of patients who do not exist, with captions and CheXpert labels that say what is "
                + "drawn. The same options give the same bytes. For trials and tests, never for claims about real images.",
            example: "local ds = dataset.phantom{ n = 64, seed = 1, pathologies = { \"Pneumothorax\" } }"
        ) { arguments in
            let given = try arguments.options("options")
            let fields: [(String, LuaValue)] = [
                ("n", given.value("n")), ("seed", given.has("seed") ? given.value("seed") : .integer(session.seed)),
                ("size", given.value("size")), ("pathologies", given.value("pathologies")),
                ("flawed", given.value("flawed")),
            ]
            let folder = try folder(given, fields, session)
            let progress = Runs.Progress(total: try given.integer("n"), label: "drawing phantoms")
            defer { progress.finish() }
            let step = LuaClosure("progress") { _ in
                progress.step(1)
                return []
            }
            let module = try session.host.run("return require(\"chexgen.phantom\")", name: "dataset.phantom")
            guard case .function(let draw)? = module.first?.tableValue?["dataset"] else {
                throw LuaError(
                    "chexgen.phantom has no function `dataset`; is lua/chexgen/phantom.lua the program's own?")
            }
            // One thread, so that the bytes do not depend on how many there are; the strips of a film are too small for more.
            let threads = Threads.count
            try Threads.set(1)
            defer { try? Threads.set(threads) }
            return try draw.call([.fields(fields + [("folder", .string(folder))]), .closure(step)])
        }
    }

    /// Where the films go, made if need be.
    private static func folder(
        _ given: LuaArguments, _ fields: [(String, LuaValue)], _ session: ScriptContext
    ) throws -> String {
        let folder: String
        if given.has("folder") {
            folder = try given.string("folder")
        } else if let run = session.folder {
            // Films that differ have folders that differ.
            let pathologies = given.value("pathologies").tableValue?.array.compactMap(\.stringValue)
            let words = fields.map { name, value in
                "\(name)=\(value.integerValue.map(String.init) ?? value.booleanValue.map { "\($0)" } ?? "")"
            }
            let key = words.joined(separator: " ") + " " + (pathologies?.joined(separator: ",") ?? "all")
            folder = "\(run.path)/artifacts/phantoms/\(SHA256.hex(of: key).prefix(12))"
        } else {
            throw given.fail("folder", "name one: there is no run whose folder could hold the films")
        }
        // A folder is made where scripts may write: below one that is there already.
        let made = Paths.absolute(folder)
        guard (try? session.output(Paths.joined(Folders.existing(made).place, "annotations.csv"))) != nil else {
            throw given.fail(
                "folder", "\(folder): scripts may not write there (only below the folders that were allowed)")
        }
        try Folders.make(made)
        return folder
    }
}
