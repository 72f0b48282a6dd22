import ChexGenLua
import Diffusion
import LuaRuntime
import Tensors

/// Plans of memory, of a pipeline and before there is one.
enum PipelineMemory {
    /// What a plan is.
    static let result = LuaResult(
        "plan", .table,
        "`text`: all of it in a line; `peak`: bytes of weights that are held at most; `parts`: of each network "
            + "`name`, `weights` and what is `held` of them at most; `phases`: `name` and `bytes`; `free`: bytes "
            + "of memory that are free, where the system says it; `refusal`: why it cannot fit and the way out, where it cannot. "
            + "Nil for a model that has no plan.")

    /// A plan as Lua has it.
    static func fields(_ plan: MemoryPlan) -> LuaValue {
        let free = MemoryRoom.available
        let parts = plan.parts.map {
            LuaValue.fields([
                ("name", .string($0.name)), ("weights", .integer($0.weights)), ("held", .integer($0.held)),
            ])
        }
        let phases = plan.phases.map { LuaValue.fields([("name", .string($0.name)), ("bytes", .integer($0.bytes))]) }
        return .fields([
            ("text", .string(plan.text(available: free))), ("peak", .integer(plan.peak)),
            ("parts", .table(LuaTable(array: parts))), ("phases", .table(LuaTable(array: phases))),
            ("free", free.map { .integer($0) } ?? .nil),
            ("refusal", plan.refusal(available: free).map { .string($0) } ?? .nil),
        ])
    }

    /// `model.pipeline_memory`.
    static func function(_ session: ScriptContext, _ known: PipelineRegistry) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "pipeline_memory", PipelineSource.parameters(session, known), returns: [result],
            "What the weights of a pipeline would take of memory, and when, were `model.pipeline` called so: by its "
                + "configurations, no weights are read. A model that is registered with `load` has no plan: its function alone "
                + "knows what it loads.",
            example: "local plan = model.pipeline_memory(\"black-forest-labs/FLUX.1-dev\", { dtype = \"bf16\" })"
        ) { arguments in
            if let name = arguments.value("source").stringValue, let model = session.registered[name] {
                return try model.memory(arguments.value("options"), session.host)
            }
            return [try PipelineSource(arguments, session, known).memory(known).map(fields) ?? .nil]
        }
    }
}
