define internal void @body(ptr %p0, ptr %p1, i64 %tid, i64 %threads) alwaysinline {
entry:
  %a18 = alloca <8 x float>, align 64
  %a19 = alloca <8 x float>, align 64
  %a20 = alloca <8 x float>, align 64
  %a21 = alloca <8 x float>, align 64
  %v1 = add i64 %tid, 1
  %v2 = mul i64 1, %tid
  %v3 = sdiv i64 %v2, %threads
  %v4 = mul i64 1, %v1
  %v5 = sdiv i64 %v4, %threads
  br label %loop6.head
loop6.head:
  %loop6.i = phi i64 [ %v3, %entry ], [ %v48, %loop13.end ]
  %v7 = icmp slt i64 %loop6.i, %v5
  br i1 %v7, label %loop6.body, label %loop6.end
loop6.body:
  %v8 = add i64 %loop6.i, 1
  %v9 = mul i64 %loop6.i, 4
  %v10 = sdiv i64 %v9, 1
  %v11 = mul i64 %v8, 4
  %v12 = sdiv i64 %v11, 1
  br label %loop13.head
loop13.head:
  %loop13.i = phi i64 [ %v10, %loop6.body ], [ %v47, %loop13.body ]
  %v14 = icmp slt i64 %loop13.i, %v12
  br i1 %v14, label %loop13.body, label %loop13.end
loop13.body:
  %v15 = mul i64 %loop13.i, 11
  %v16 = getelementptr inbounds float, ptr %p0, i64 %v15
  %v17 = getelementptr inbounds float, ptr %p1, i64 %loop13.i
  store <8 x float> <float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000>, ptr %a18
  store <8 x float> <float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000>, ptr %a19
  store <8 x float> <float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000>, ptr %a20
  store <8 x float> <float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000>, ptr %a21
  %v22 = load <8 x float>, ptr %v16, align 4
  %v23 = load <8 x float>, ptr %a18
  %v24 = fadd <8 x float> %v23, %v22
  store <8 x float> %v24, ptr %a18
  %v25 = getelementptr inbounds float, ptr %v16, i64 8
  %v26 = call <8 x float> @llvm.masked.load.v8f32.p0(ptr %v25, i32 4, <8 x i1> <i1 true, i1 true, i1 true, i1 false, i1 false, i1 false, i1 false, i1 false>, <8 x float> zeroinitializer)
  %v27 = select <8 x i1> <i1 true, i1 true, i1 true, i1 false, i1 false, i1 false, i1 false, i1 false>, <8 x float> %v26, <8 x float> <float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000, float 0x0000000000000000>
  %v28 = load <8 x float>, ptr %a18
  %v29 = fadd <8 x float> %v28, %v27
  store <8 x float> %v29, ptr %a18
  %v30 = load <8 x float>, ptr %a18
  %v31 = load <8 x float>, ptr %a19
  %v32 = load <8 x float>, ptr %a20
  %v33 = load <8 x float>, ptr %a21
  %v34 = fadd <8 x float> %v30, %v31
  %v35 = fadd <8 x float> %v32, %v33
  %v36 = fadd <8 x float> %v34, %v35
  %v37 = shufflevector <8 x float> %v36, <8 x float> poison, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  %v38 = shufflevector <8 x float> %v36, <8 x float> poison, <4 x i32> <i32 4, i32 5, i32 6, i32 7>
  %v39 = fadd <4 x float> %v37, %v38
  %v40 = shufflevector <4 x float> %v39, <4 x float> poison, <2 x i32> <i32 0, i32 1>
  %v41 = shufflevector <4 x float> %v39, <4 x float> poison, <2 x i32> <i32 2, i32 3>
  %v42 = fadd <2 x float> %v40, %v41
  %v43 = shufflevector <2 x float> %v42, <2 x float> poison, <1 x i32> <i32 0>
  %v44 = shufflevector <2 x float> %v42, <2 x float> poison, <1 x i32> <i32 1>
  %v45 = fadd <1 x float> %v43, %v44
  %v46 = extractelement <1 x float> %v45, i32 0
  store float %v46, ptr %v17, align 4
  %v47 = add i64 %loop13.i, 1
  br label %loop13.head
loop13.end:
  %v48 = add i64 %loop6.i, 1
  br label %loop6.head
loop6.end:
  ret void
}

define void @nest(ptr %args, i64 %tid, i64 %threads) {
entry:
  %s0 = getelementptr inbounds ptr, ptr %args, i64 0
  %p0 = load ptr, ptr %s0, align 8
  %s1 = getelementptr inbounds ptr, ptr %args, i64 1
  %p1 = load ptr, ptr %s1, align 8
  call void @body(ptr %p0, ptr %p1, i64 %tid, i64 %threads)
  ret void
}

declare <8 x float> @llvm.masked.load.v8f32.p0(ptr, i32, <8 x i1>, <8 x float>)
