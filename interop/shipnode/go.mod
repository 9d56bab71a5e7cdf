module fairlead.test/interop/shipnode

go 1.26.6
