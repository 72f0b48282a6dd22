import Dispatch
import Files
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
                LuaFunctionDeclaration(
                    "sha256", [LuaParameter("text", .string, "Any bytes.")],
                    returns: [LuaResult("hash", .string, "64 hexadecimal digits.")], "The SHA-256 of a text."
                ) { arguments in [.string(SHA256.hex(of: try arguments.string("text")))] },
                LuaFunctionDeclaration(
                    "copy_file",
                    [
                        LuaParameter("from", .string, "A regular file that scripts may read."),
                        LuaParameter(
                            "to", .string, "Its second place, where scripts may write; what is there is replaced."),
                        LuaParameter(
                            "how", .choice(FilePlacement.allCases.map(\.rawValue)),
                            default: .string(FilePlacement.copy.rawValue),
                            "`copy`; `hardlink`, another name on the same file system, which takes no room; `symlink`, by the "
                                + "absolute path."),
                    ],
                    "Puts a file at a second place, whole or not at all. Scripts cannot write through either kind of link.",
                    example: "chexgen.copy_file(row.image_path, run:artifact \"films/1.png\", \"hardlink\")"
                ) { arguments in
                    let how = FilePlacement(rawValue: try arguments.string("how")) ?? .copy
                    try how.place(arguments.string("from"), at: session.output(arguments.string("to")))
                    return []
                },
            ],
            constants: [LuaConstantDeclaration("version", .string, .string(Version.text), "The version.")])
    }
}
