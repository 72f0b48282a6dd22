import Dispatch
import LuaRuntime
import Runs

/// `chexgen`: the clock and the version; `require "chexgen"` also holds every other module by its short name.
enum RootModule {
    static func declaration(_ session: ScriptContext) -> LuaModuleDeclaration {
        LuaModuleDeclaration(
            "chexgen", "The program itself. `require \"chexgen\"` also holds every module: `chexgen.tensor` and so on.",
            functions: [
                LuaFunctionDeclaration(
                    "time", returns: [LuaResult("seconds", .number, "Seconds since some moment.")],
                    "A monotonic clock."
                ) { _ in [.number(Double(DispatchTime.now().uptimeNanoseconds) * 1e-9)] },
                LuaFunctionDeclaration(
                    "make_folder", [LuaParameter("path", .string, "The folder; it may be there already.")],
                    "Makes a folder, and those above it, where scripts may write."
                ) { arguments in
                    try session.makeFolder(arguments.string("path"))
                    return []
                },
            ],
            constants: [LuaConstantDeclaration("version", .string, .string(Version.text), "The version.")])
    }
}
